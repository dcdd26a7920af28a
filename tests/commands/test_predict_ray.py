"""`predict --engine ray` on the command line."""

import functools
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from pyarrow import parquet

from helpers.command_line import ENTRY, mistake
from helpers.served import write_artifact
from helpers.tables import names, rows_in, same_as_one_process, write_csv
from keras_sentiment.cluster import partition as partition_module
from keras_sentiment.cluster import ray_job
from keras_sentiment.inference.artifact import GRAPH_FILES, Artifact

pytestmark = [
    pytest.mark.once,
    # Ray Data sets an option of its own that it has deprecated.
    pytest.mark.filterwarnings(r"ignore::DeprecationWarning:ray\..*"),
]
# Where the number of workers is not the point: each is a process that starts.
ALONE = ["--engine", "ray", "--workers", "1"]


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    return write_artifact(tmp_path_factory.mktemp("artifact") / "words")


@pytest.fixture(scope="module")
def workers():
    """A cluster of two cores, which takes seconds to start: what joins one uses it, and leaves it."""
    with ray_job._cluster(2) as cpus:
        yield cpus


@pytest.fixture
def run(cli):
    """Runs `keras-sentiment predict`."""
    return functools.partial(cli, "predict")


@pytest.fixture(autouse=True)
def short_parts(monkeypatch):
    monkeypatch.setattr(partition_module, "PART_ROWS", 7)


def test_workers_have_the_precision_of_the_artifact(run, artifact, tmp_path):
    write_csv(tmp_path / "it.csv", 3)
    arguments = ["--input", tmp_path / "it.csv", "--output", tmp_path / "out", *ALONE]
    found = run(artifact.path, *arguments, "--precision", "mixed_bfloat16")
    mistake(found, artifact.path, "precision='mixed_bfloat16'")
    assert not (tmp_path / "out").exists()


def test_files_that_match_follow_one_another(run, workers, artifact, tmp_path):
    for part in (2, 0, 1):
        write_csv(tmp_path / f"it-{part}.csv", 10 * part)
    out = tmp_path / "new" / "out"
    pattern = tmp_path / "it-*.csv"
    assert run(artifact.path, "--input", pattern, "--output", out, "--engine", "ray") == (0, "", "")
    assert [row["id"] for row in rows_in(out)] == [str(i) for i in [*range(10), *range(20)]]


def test_no_rows_are_no_parts(run, artifact, tmp_path):
    (tmp_path / "it.csv").write_text("text\n")
    arguments = [artifact.path, "--input", tmp_path / "it.csv", "--output", tmp_path / "out"]
    assert run(*arguments, "--engine", "ray") == (0, "", "")
    assert names(tmp_path / "out") == ["_plan.json"]


def test_a_bad_row_stops_before_anything_is_scored_or_is_left_out(run, workers, artifact, tmp_path):
    source, out = write_csv(tmp_path / "it.csv", 20), tmp_path / "out"
    lines = source.read_bytes().split(b"\n")
    lines[21:21] = [b"bad"]
    source.write_bytes(b"\n".join(lines))
    arguments = [artifact.path, "--input", source, "--output", out, *ALONE]
    mistake(run(*arguments), "it.csv:22: the row has 1 instead of 2 fields")
    assert not out.exists()
    status, stdout, error = run(*arguments, "--on-error", "skip")
    assert (status, stdout) == (0, "")
    assert error.splitlines()[0].startswith("Left out: it.csv:22: the row has 1 instead of 2 fields")
    assert error.splitlines()[1:] == ["Rows left out: 1"]
    same_as_one_process(run, artifact, source, out, "--on-error", "skip")
    assert [row["id"] for row in rows_in(out)] == [str(i) for i in range(20)]


def test_another_run_goes_on_where_the_first_one_ended(run, workers, artifact, tmp_path):
    source, out = write_csv(tmp_path / "it.csv"), tmp_path / "out"
    arguments = [artifact.path, "--input", source, "--output", out, *ALONE]
    assert run(*arguments) == (0, "", "")
    before = {item.name: item.stat().st_mtime_ns for item in out.iterdir()}
    expected = rows_in(out)
    assert run(*arguments) == (0, "", "6 of 6 parts were there\n")
    (out / "part-000001.parquet").unlink()
    os.truncate(out / "part-000003.parquet", 100)
    # Of another plan: as many rows, other labels.
    other = parquet.read_table(out / "part-000004.parquet")
    parquet.write_table(
        other.replace_schema_metadata({b"keras_sentiment.plan": b"x"}), out / "part-000004.parquet"
    )
    (out / ".01234567.part.part-000001.parquet").write_text("left")
    assert run(*arguments) == (0, "", "3 of 6 parts were there\n")
    assert rows_in(out) == expected
    after = {item.name: item.stat().st_mtime_ns for item in out.iterdir()}
    assert set(after) == set(before)
    assert {name for name in after if after[name] == before[name]} == {
        f"part-{i:06}.parquet" for i in (0, 2, 5)
    }


def test_another_plan_wants_another_folder(run, workers, artifact, tmp_path):
    source, out = write_csv(tmp_path / "it.csv", 10), tmp_path / "out"
    arguments = [artifact.path, "--input", source, "--output", out, *ALONE]
    assert run(*arguments) == (0, "", "")
    mistake(run(*arguments, "--windows"), out, "name another folder or add --overwrite")
    write_csv(source, 12)
    mistake(run(*arguments), out, "--overwrite")
    assert len(rows_in(out)) == 10
    assert run(*arguments, "--overwrite") == (0, "", "")
    assert len(rows_in(out)) == 12
    (out / "mine.txt").touch()
    mistake(run(*arguments, "--overwrite"), "files that this command did not write")
    (out / "mine.txt").unlink()
    (out / "_plan.json").unlink()
    mistake(run(*arguments, "--overwrite"), "files that this command did not write")
    assert len(rows_in(out)) == 12


def test_refusals(run, artifact, tmp_path, monkeypatch):
    source, out = write_csv(tmp_path / "it.csv", 10), tmp_path / "out"
    ray = ["--engine", "ray"]
    arguments = [artifact.path, "--input", source, "--output", out, *ray]
    (tmp_path / "run").mkdir()
    (tmp_path / "it.jsonl").write_text('{"text": "a", "label": 1, "input_label": 2}\n')
    (tmp_path / "file").touch()
    mistake(run(tmp_path / "run", *arguments[1:]), "keras-sentiment export", "--format onnx")
    mistake(run(artifact.path, "a text", *ray), "--engine is for --input")
    mistake(run(artifact.path, "--input", source, *ray), "--output FOLDER")
    mistake(run(artifact.path, "--input", "-", "--output", out, *ray), "--input FILES")
    mistake(run(artifact.path, "--input", source, "--output", "a.csv", *ray), "a.csv", "a folder")
    mistake(
        run(artifact.path, "--input", source, "--output", tmp_path, *ray), "it is the folder of the input"
    )
    mistake(run(artifact.path, "--input", source, "--output", tmp_path / "file", *ray), "is a file")
    mistake(run(artifact.path, "--input", tmp_path / "*.tsv", "--output", out, *ray), "no file matches")
    mistake(run(artifact.path, "--input", "", "--output", out, *ray), "no file matches")
    mistake(
        run(artifact.path, "--input", tmp_path / "it.*", "--output", out, *ray),
        "several formats (csv, jsonl)",
    )
    mistake(run(artifact.path, "--input", tmp_path / "it.jsonl", "--output", out, *ray), "'input_label'")
    mistake(run(*arguments, "--explain"), "--explain is for TEXT")
    mistake(run(*arguments[:-2], "--workers", "2"), "--workers is for --engine ray")
    mistake(run(*arguments, "--text-column", "no"), "no column 'no'")
    find = ray_job.importlib.util.find_spec
    monkeypatch.setattr(
        ray_job.importlib.util, "find_spec", lambda name: None if name == "ray" else find(name)
    )
    mistake(run(*arguments), 'pip install -e ".[ray]"')
    assert not out.exists()


def test_a_graph_that_is_code_is_refused(run, tmp_path):
    made = write_artifact(tmp_path / "words")
    (made.graph).rename(tmp_path / "words" / GRAPH_FILES["torch"])
    Artifact(made.path, "torch", "words", made.labels, made.inputs, made.cleaning_version, 1.0, None).write()
    source = write_csv(tmp_path / "it.csv", 10)
    mistake(
        run(made.path, "--input", source, "--output", tmp_path / "out", "--engine", "ray"), "runs the code"
    )


def command(*arguments, **environment):
    keep = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    return {
        "args": [sys.executable, "-c", ENTRY, "predict", *map(str, arguments), "--engine", "ray"],
        "env": {**keep, **environment},
    }


def test_the_command_starts_a_cluster_and_says_nothing(run, artifact, tmp_path):
    source, out = write_csv(tmp_path / "it.csv", 10), tmp_path / "out"
    started = command(artifact.path, "--input", source, "--output", out, "--workers", "1")
    result = subprocess.run(**started, capture_output=True, text=True, timeout=120)
    assert (result.returncode, result.stdout) == (0, "")
    # On a slow machine there is progress to tell.
    assert [line for line in result.stderr.splitlines() if not line.startswith("Predicting: ")] == []
    same_as_one_process(run, artifact, source, out)


def test_the_command_joins_the_cluster_that_is_named(run, workers, artifact, tmp_path):
    import ray

    # Of the real length: the parts are cut in another process.
    source, out = write_csv(tmp_path / "it.csv", 5000), tmp_path / "out"
    address = ray.get_runtime_context().gcs_address
    started = command(artifact.path, "--input", source, "--output", out, RAY_ADDRESS=address)
    result = subprocess.run(**started, capture_output=True, text=True, timeout=120)
    assert (result.returncode, result.stdout) == (0, ""), result.stderr
    assert [row["id"] for row in rows_in(out)] == [str(i) for i in range(5000)]
    assert ray.is_initialized()


def test_a_cluster_that_does_not_answer_is_named(artifact, tmp_path):
    source = write_csv(tmp_path / "it.csv", 10)
    started = command(
        artifact.path, "--input", source, "--output", tmp_path / "out", RAY_ADDRESS="127.0.0.1:9"
    )
    result = subprocess.run(**started, capture_output=True, text=True, timeout=120)
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    assert result.stderr.startswith("Error: RAY_ADDRESS=127.0.0.1:9: no cluster answers")
    assert result.stderr.count("\n") == 1


@pytest.mark.slow
def test_ctrl_c_keeps_complete_parts_and_the_same_command_goes_on(run, artifact, tmp_path):
    # 20 parts of the real length.
    source, out = write_csv(tmp_path / "it.csv", 80_000), tmp_path / "out"
    started = command(artifact.path, "--input", source, "--output", out, "--workers", "1")
    process = subprocess.Popen(**started, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not rows_in(out):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    stdout, error = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (130, "")
    assert re.fullmatch(
        r"Interrupted: \d+ of 20 parts are complete\. Run the same command to continue\.\n", error
    )
    assert not [name for name in names(out) if name.startswith(".")]
    before = {item: item.stat().st_mtime_ns for item in out.glob("part-*")}
    result = subprocess.run(**started, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    assert result.stderr == f"{len(before)} of 20 parts were there\n"
    assert all(item.stat().st_mtime_ns == written for item, written in before.items())
    assert [row["id"] for row in rows_in(out)] == [str(i) for i in range(80_000)]
