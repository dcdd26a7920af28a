"""A folder of parts is filled by one plan at a time."""

import csv
import subprocess
import sys

import pytest

from helpers.served import write_artifact
from keras_sentiment.cluster import partition as parts_module
from keras_sentiment.cluster.part_files import output_folder
from keras_sentiment.cluster.partition import partition
from keras_sentiment.cluster.plan import Plan
from keras_sentiment.storage.locks import lock, unlock

pytestmark = [
    pytest.mark.once,
    # Ray Data sets an option of its own that it has deprecated.
    pytest.mark.filterwarnings(r"ignore::DeprecationWarning:ray\..*"),
]
WORDS = ("good", "fine", "bad", "dull", "film", "the")


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    return write_artifact(tmp_path_factory.mktemp("artifact") / "words")


@pytest.fixture(autouse=True)
def short_parts(monkeypatch):
    monkeypatch.setattr(parts_module, "PART_ROWS", 7)


def texts(count):
    return [" ".join(WORDS[(i * k) % 6] for k in range(i % 90)) + f' {i % 100}\n"q"' for i in range(count)]


def write_csv(path, count=40):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("id", "text"), *enumerate(texts(count))])
    return path


def plan_of(artifact, path):
    return Plan.of(artifact, False, partition([path], path.suffix[1:], "text"))


def test_two_do_not_fill_one_folder(artifact, tmp_path):
    plan = plan_of(artifact, write_csv(tmp_path / "it.csv", 10))
    (tmp_path / "out").mkdir()
    held = lock(tmp_path / "out")
    try:
        program = f"""
from pathlib import Path
from keras_sentiment.cluster.part_files import output_folder
with output_folder(Path({str(tmp_path / "out")!r}), None, True): pass
"""
        result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    finally:
        unlock(held)
    assert "another process is writing there" in result.stderr
    with output_folder(tmp_path / "out", plan, False) as folder:
        assert folder.missing() == [0, 1]
