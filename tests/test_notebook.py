"""The example notebook runs, and its stored outputs are up to date."""

import json
import re
from pathlib import Path

import nbclient
import nbformat
import pytest

pytestmark = pytest.mark.once

NOTEBOOK = Path(__file__).parents[1] / "examples" / "whole_job.ipynb"


def shown(notebook):
    """Returns the text outputs of all cells."""
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", []))
    return "\n".join(output.get("data", {}).get("text/plain", "") for output in outputs)


def test_the_notebook_runs(tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    notebook = nbformat.read(NOTEBOOK, 4)
    stored = shown(notebook)
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=300, resources=resources).execute()
    found = shown(notebook)
    accuracies = [float(text) for text in re.findall(r"accuracy (0\.\d+) \(", found)]
    assert len(accuracies) == 3
    assert all(0.85 < accuracy <= 1 for accuracy in accuracies), accuracies
    # Stored and new outputs are equal up to numbers and predicted labels, which depend on the machine.
    shapes = [re.sub(r"[-\d.e\s]+", "0", re.sub("positive|negative", "", t)) for t in (stored, found)]
    assert shapes[0] == shapes[1]
    assert list((tmp_path / "logs").rglob("events*"))
    assert (tmp_path / "models" / "hotels" / "onnx" / "model.onnx").is_file()
    config = json.loads((tmp_path / "runs" / "hotels" / "config.json").read_text())
    assert config["trained_by_hand"]


def test_the_stored_cells_were_executed_in_order():
    notebook = nbformat.read(NOTEBOOK, 4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert all(output.output_type == "execute_result" for cell in cells for output in cell.outputs)
