"""Commands whose standard input, output or error is closed, and names that are no text."""

import json
import os
import shlex
import subprocess
import sys

import pytest

from helpers.command_line import ENTRY
from keras_sentiment.data.preparation import prepare

pytestmark = pytest.mark.once
ROWS = "text,label\n" + "".join(f"a good film {n},pos\na bad film {n},neg\n" for n in range(30))
LEARN = ["--tokenizer", "learn", "--vocabulary-size", "100", "--processes", "1"]


@pytest.mark.parametrize(
    ("closed", "arguments", "status", "expected"),
    [
        ("<&-", ["-", "out", "--input-format", "csv"], 2, "standard input: it has no reviews"),
        ("<&- 2>&-", ["reviews.csv", "out", "--quiet"], 0, ""),
        (">&-", ["reviews.csv", "out", "--quiet"], 2, "standard output is closed, and results go there"),
        ("2>&-", ["reviews.csv", "out"], 0, ""),
    ],
)
def test_standard_files_that_are_closed(tmp_path, closed, arguments, status, expected):
    (tmp_path / "reviews.csv").write_text(ROWS)
    command = shlex.join([sys.executable, "-c", ENTRY, "prepare", *arguments, *LEARN])
    found = subprocess.run(
        ["sh", "-c", f"{command} {closed}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert found.returncode == status, found.stderr
    assert expected in found.stderr
    assert "Traceback" not in found.stderr
    # Nothing that a library prints stands in a file of ours.
    assert status or json.loads((tmp_path / "out" / "data.json").read_text())["labels"]


def test_names_that_are_no_text(tmp_path):
    folder = tmp_path / os.fsdecode(b"\xff")
    folder.mkdir()
    (folder / "it.csv").write_text(ROWS)
    corpus = prepare(folder / "it.csv", folder / "out", tokenizer="learn", vocabulary_size=100, quiet=True)
    assert corpus.info["source"] == str(folder / "it.csv").replace("\udcff", "�")
    assert sum(len(split) for split in corpus.splits.values()) == 60
