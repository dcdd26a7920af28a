"""Mistakes that can be seen at once are told at once: before Keras is imported, which takes seconds."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from helpers.command_line import mistake
from helpers.tiny import TOKENIZER

pytestmark = pytest.mark.once

# Runs commands, a line of arguments each, and tells of each what it printed and whether Keras is imported.
PROGRAM = """
import contextlib, io, json, sys
from keras_sentiment.scripts.command_line import main
for line in sys.stdin:
    sys.argv = ["keras-sentiment", *json.loads(line)]
    out, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        try:
            main()
        except SystemExit as stop:
            status = stop.code
    heavy = sorted({"keras", "torch", "tensorflow", "onnxruntime"} & set(sys.modules))
    print(json.dumps([status, out.getvalue(), error.getvalue(), heavy]))
"""

CASES = [
    ("train-transformer data data", "data: it holds something already"),
    ("train-transformer data data --overwrite", "data: it holds something other than a run"),
    ("train-transformer data films.csv", "films.csv: it is a file"),
    ("train-transformer run new", "run: not a prepared corpus"),
    ("train-transformer data new --resume --overwrite", "overwrite and resume exclude each other"),
    ("train-transformer many new --threshold-for f1", "between two labels, and there are 5"),
    ("train-transformer data new --threshold-for f1 --threshold-label good", "the labels negative, positive"),
    ("train-transformer data new --teacher run", "no unlabelled texts"),
    ("train-transformer data new --pretrained run", "no pretrained encoder"),
    ("pretrain data run", "run: it holds something already"),
    ("train-bert data new", "words; name the BERT with --preset"),
    ("train-bert data new --preset words", "words: it holds no BERT"),
    ("train-bert tiny new --preset bert --sequence-length 32 --trainable-blocks 3", "must be at most 2"),
    ("train-bert tiny new --preset bert --sequence-length 33", "must be at most 32"),
    ("train-bert learned new", "a learned vocabulary, which no pretrained BERT has"),
    ("train-bert data new --preset no_such", "neither a folder nor a BERT preset"),
    ("train-bert data new --preset other", "another vocabulary than other has"),
    ("train-bert data new --cache-dir cache", "--cache-dir is for --cache-frozen"),
    ("evaluate data run", "data: not a trained model"),
    ("evaluate run nowhere", "nowhere: there is no such file"),
    ("evaluate run films.csv --label-column stars", "no column 'stars'"),
    ("evaluate run films.csv --text-column review", "no column 'review'"),
    ("evaluate run many", "its labels are a, b, c, d, e"),
    ("evaluate run data --output data", "data: it has files"),
    ("evaluate run data --against data", "data: not a trained model"),
    ("predict data film", "data: not a trained model"),
    ("predict data film --precision auto", "data: not a trained model"),
    ("predict run --input films.csv --text-column review", "no column 'review'"),
    ("predict run --input films.csv --keep-columns id", "no column 'id'"),
    ("predict run --input films.jsonl", "films.jsonl:1: the row has no column 'text'"),
    ("predict run --input films.csv --output old.csv", "old.csv: it already exists"),
    ("export run new --quantize int8", "--quantize int8 needs --data"),
    ("export run new --quantize int8 --format torch", "add --format onnx"),
    ("export run new --force", "--force is for --quantize"),
    ("export run films.csv", "films.csv is a file"),
    ("export run taken", "taken/onnx: it has files"),
    ("export run taken --format torch --format onnx", "taken/onnx: it has files"),
    ("export run new --data many", "its labels are a, b, c, d, e"),
    ("export data new", "data: not a trained model"),
    ("compare data new no.toml", "no.toml: it can't be read"),
    ("benchmark run", "run: not a prepared corpus"),
    ("demo films.csv", "films.csv: it is a file"),
]


@pytest.fixture(scope="module")
def results(path, tmp_path_factory):
    """What each command printed, run in one process; and what lay in the folder before and after."""
    folder = tmp_path_factory.mktemp("mistakes")
    for name in ("data", "run", "words"):
        shutil.copytree(path / name, folder / name)
    shutil.copy(path / "films.csv", folder)
    (folder / "films.jsonl").write_text('{"review": "good"}\n')
    (folder / "old.csv").write_text("text\n")
    (folder / "taken" / "onnx").mkdir(parents=True)
    (folder / "taken" / "onnx" / "notes.txt").touch()
    rows = [f"film number {number},{'abcde'[number % 5]}" for number in range(100)]
    (folder / "many.csv").write_text("\n".join(["text,label", *rows, ""]))
    TOKENIZER.save(folder / "bert")
    (folder / "bert" / "config.json").write_text('{"num_hidden_layers": 2, "max_position_embeddings": 32}')
    (folder / "other").mkdir()
    type(TOKENIZER)([*TOKENIZER.vocabulary, "more"]).save(folder / "other")
    (folder / "other" / "config.json").write_text("{}")
    lines = [
        "prepare many.csv many --tokenizer words --quiet",
        "prepare films.csv learned --tokenizer learn --vocabulary-size 60 --quiet",
        "prepare films.csv tiny --tokenizer bert --quiet",
        "prepare films.csv data --tokenizer words --quiet --overwrite",
    ]
    first = run(folder, lines)
    assert [status for status, *_ in first] == [0, 0, 0, 0], first
    before = sorted(folder.rglob("*"))
    found = run(folder, [line for line, _ in CASES])
    assert sorted(folder.rglob("*")) == before
    return dict(zip([line for line, _ in CASES], found, strict=True))


def run(folder, lines):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input="".join(f"{json.dumps(line.split())}\n" for line in lines),
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "KERAS_BACKEND": "torch"},
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(("line", "message"), CASES, ids=[line for line, _ in CASES])
def test_told_before_keras_is_imported(results, line, message):
    status, out, error, heavy = results[line]
    assert heavy == []
    mistake((status, out, error), message)
