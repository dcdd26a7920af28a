"""Prediction on Ray: the same results as one process, even if workers are killed."""

import functools
import json
import os
import signal
import sys
import time

import pyarrow
import pytest
from pyarrow import parquet

from helpers.tables import names, plan_of, rows_in, same_as_one_process, texts, write_csv
from keras_sentiment.cluster import ray_job
from keras_sentiment.cluster.part_files import output_folder
from keras_sentiment.errors import InputError
from keras_sentiment.inference.artifact import Artifact
from keras_sentiment.inference.engines import threads

ROWS = 7  # rows of a part

pytestmark = [
    pytest.mark.once,
    # Ray Data sets an option that it has deprecated itself.
    pytest.mark.filterwarnings(r"ignore::DeprecationWarning:ray\..*"),
]
HEAVY = ("keras", "keras_hub", "tensorflow", "tensorflow_text", "torch", "jax")


@pytest.fixture(scope="module")
def workers():
    """A cluster of two cores for all tests of the module, because it takes seconds to start."""
    with ray_job._cluster(2) as cpus:
        yield cpus


@pytest.fixture
def run(cli):
    """Runs `keras-sentiment predict`."""
    return functools.partial(cli, "predict")


@pytest.mark.parametrize("text_format", ["csv", "jsonl", "parquet", "txt"])
def test_predictions_equal_those_of_one_process(run, workers, artifact, tmp_path, text_format):
    source, out = tmp_path / f"it.{text_format}", tmp_path / "out"
    said = texts(40)
    columns = {
        "id": list(range(40)),
        "label": ["old"] * 40,
        "text": said,
        "tags": [["a"] * (i % 3) for i in range(40)],
    }
    if text_format == "csv":
        write_csv(source)
        columns = {"id": [str(i) for i in range(40)], "text": said}
    elif text_format == "jsonl":
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif text_format == "parquet":
        parquet.write_table(pyarrow.table(columns), source, row_group_size=9)
    else:
        said = [text.replace("\n", " ") for text in said]
        source.write_text("".join(text + "\n" for text in said))
        columns = {"text": said}
    options = ["--windows"] if text_format == "jsonl" else []
    assert run(artifact.path, "--input", source, "--output", out, "--engine", "ray", *options) == (0, "", "")
    found = same_as_one_process(run, artifact, source, out, *options)
    names_in = {name: "input_label" if name == "label" else name for name in columns}
    assert list(found[0]) == [*names_in.values(), "label", "probability", "probabilities", "truncated"]
    for name, values in columns.items():
        assert [row[names_in[name]] for row in found] == values
    assert {row["label"] for row in found} == {"negative", "positive"}
    assert names(out) == ["_plan.json", *(f"part-{i:06}.parquet" for i in range(6))]


def test_parts_of_killed_workers_are_scored_once(workers, artifact, tmp_path, monkeypatch):
    plan, died = plan_of(artifact, write_csv(tmp_path / "it.csv", 100)), tmp_path / "died"
    died.mkdir()

    class Mortal(ray_job.Worker):
        def score(self, number):
            if number % 6 == 2 and not (died / str(number)).exists():
                (died / str(number)).touch()
                # The worker is killed in the middle of a part, after it has created the file.
                self.classifier.predict = lambda texts: os.kill(os.getpid(), signal.SIGKILL)
            return super().score(number)

    monkeypatch.setattr(ray_job, "Worker", Mortal)
    with output_folder(tmp_path / "out", plan, False) as folder:
        ray_job.score(artifact, folder, 2)
        left = [name for name in names(tmp_path / "out") if name.startswith(".")]
    assert names(died) == ["14", "2", "8"]
    assert len(left) == 3
    assert [row["id"] for row in rows_in(tmp_path / "out")] == [str(i) for i in range(100)]
    assert names(tmp_path / "out") == ["_plan.json", *(f"part-{i:06}.parquet" for i in range(15))]


def test_rows_that_kill_every_worker_are_reported(workers, artifact, tmp_path, monkeypatch):
    class Doomed(ray_job.Worker):
        most_deaths = 2

        def score(self, number):
            self.classifier.predict = lambda texts: os.kill(os.getpid(), signal.SIGKILL)
            return super().score(number)

    monkeypatch.setattr(ray_job, "Worker", Doomed)
    plan = plan_of(artifact, write_csv(tmp_path / "it.csv", 7))
    with (
        output_folder(tmp_path / "out", plan, False) as folder,
        pytest.raises(
            InputError, match=r"it\.csv:2: 2 workers died while they scored the 7 rows from here on"
        ),
    ):
        ray_job.score(artifact, folder, 1)
    assert names(tmp_path / "out") == ["_plan.json"]


def test_an_error_of_a_worker_is_one_line(workers, artifact, tmp_path, monkeypatch):
    source, out = write_csv(tmp_path / "it.csv", 10), tmp_path / "out"
    plan = plan_of(artifact, source)
    write_csv(source, 11)
    with output_folder(out, plan, False) as folder, pytest.raises(InputError, match="has changed since"):
        ray_job.score(artifact, folder, 1)
    plan = plan_of(artifact, source)
    elsewhere = Artifact(tmp_path / "none", "onnx", "none", ("a", "b"), artifact.inputs, 1, 1.0, None)
    with output_folder(out, plan, True) as folder, pytest.raises(InputError, match="not an exported model"):
        ray_job.score(elsewhere, folder, 1)


def test_a_worker_uses_one_core_and_does_not_import_keras(workers, artifact, tmp_path, monkeypatch):
    plan, notes = plan_of(artifact, write_csv(tmp_path / "it.csv", 60)), tmp_path / "notes"
    notes.mkdir()
    heavy = HEAVY

    class Watched(ray_job.Worker):
        def score(self, number):
            rows = super().score(number)
            found = [name for name in heavy if name in sys.modules]
            settings = [os.environ[name] for name in ("OMP_NUM_THREADS", "RAYON_NUM_THREADS")]
            (notes / f"{number}").write_text(json.dumps([os.getpid(), threads(), settings, found]))
            time.sleep(0.2)  # until the other worker has started
            return rows

    monkeypatch.setattr(ray_job, "Worker", Watched)
    with output_folder(tmp_path / "out", plan, False) as folder:
        ray_job.score(artifact, folder, 3)  # the cluster has room for two
    found = [json.loads(note.read_text()) for note in notes.iterdir()]
    assert len({pid for pid, *_ in found}) == 2
    assert os.getpid() not in {pid for pid, *_ in found}
    assert all(rest == [1, ["1", "1"], []] for _, *rest in found)


@pytest.mark.parametrize(
    ("wanted", "expected"), [("1", 1), ("1,2", 1), ("0", 1), ("9999", None), ("", None), ("many", None)]
)
def test_runtimes_use_the_given_number_of_cores(monkeypatch, wanted, expected):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    all_of_them = threads()
    monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    assert threads() == (expected or all_of_them)
