"""Runtimes print nothing of a graph, which may be a stranger's."""

import subprocess
import sys

import pytest

from helpers.served import write_artifact
from keras_sentiment.inference.artifact import Artifact

pytestmark = pytest.mark.once

HOSTILE = "\x1b]0;title\x07\x1b[2J"


def test_onnxruntime_warns_of_no_names(tmp_path):
    """It would warn of a weight that no node takes, and of one that is an input too."""
    onnx = pytest.importorskip("onnx")
    artifact: Artifact = write_artifact(tmp_path / "words")
    model = onnx.load(artifact.graph)
    for name in ("unused", "input"):
        weight = onnx.helper.make_tensor(HOSTILE + name, onnx.TensorProto.FLOAT, [1], [1.0])
        model.graph.initializer.append(weight)
    model.graph.input.append(
        onnx.helper.make_tensor_value_info(f"{HOSTILE}input", onnx.TensorProto.FLOAT, [1])
    )
    onnx.save(model, artifact.graph)
    code = (
        "import sys; from pathlib import Path; from types import SimpleNamespace\n"
        "from keras_sentiment.inference.engines import OnnxEngine\n"
        "OnnxEngine(SimpleNamespace(graph=Path(sys.argv[1])))\n"
    )
    found = subprocess.run([sys.executable, "-c", code, str(artifact.graph)], capture_output=True, timeout=60)
    assert (found.returncode, found.stdout, found.stderr) == (0, b"", b"")
