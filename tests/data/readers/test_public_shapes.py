"""Generated files in the formats of public data sets: the commands of docs/datasets.md read every row."""

import csv
import re
import shlex
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from helpers.hostile_rows import ROWS, WINDOWS
from helpers.public_shapes import SHAPES, airline, go_emotions, steam, tweet_eval
from keras_sentiment.data import preparation
from keras_sentiment.data.corpus import open_corpus
from keras_sentiment.data.readers.sources import read
from keras_sentiment.data.reviews import name_labels
from keras_sentiment.scripts.command_line import commands
from keras_sentiment.text.cleaning import clean

pytestmark = pytest.mark.once

PAGE = (Path(__file__).parents[3] / "docs" / "datasets.md").read_text("utf-8")
# The arguments of each command, by the name of its DATA_DIR.
COMMANDS = {
    Path(words[3]).name: words[1:]
    for words in map(shlex.split, re.findall(r"^    (keras-sent.*)", PAGE, re.M))
}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a command in a new folder; returns its result and the reviews that were read."""
    monkeypatch.chdir(tmp_path)
    found = []

    def recorded(*arguments, **options):
        for review in read(*arguments, **options):
            found.append(review)
            yield review

    monkeypatch.setattr(preparation, "read", recorded)

    def call(*words):
        small = ["--tokenizer", "learn", "--vocabulary-size", "300", "--processes", "1"]
        return CliRunner().invoke(commands, [*words, *small]), found

    return call


def test_the_page_has_a_command_for_every_data_set():
    assert set(COMMANDS) == set(SHAPES)
    assert PAGE.count("\n## ") >= 10
    for prepare, source, data_dir, *options in COMMANDS.values():
        assert (prepare, data_dir.count("--"), source.count("--")) == ("prepare", 0, 0)
        assert sum(word.startswith("--") for word in options) <= 2


@pytest.mark.parametrize("name", SHAPES)
def test_every_row_is_in_the_corpus(tmp_path, run, name):
    rows = SHAPES[name](tmp_path)
    result, found = run(*COMMANDS[name])
    assert result.exit_code == 0, result.output
    assert [(review.text, review.label, review.split) for review in found] == rows
    corpus = open_corpus(tmp_path / COMMANDS[name][2])
    names = name_labels(row.label for row in rows)
    kept = {
        split: Counter((record.text, record.label) for record in part.records())
        for split, part in corpus.splits.items()
    }
    assert sum(kept.values(), Counter()) == Counter((clean(row.text), names[row.label]) for row in rows)
    for split in {row.split for row in rows} - {None, "train"}:
        assert kept[split] == Counter((clean(r.text), names[r.label]) for r in rows if r.split == split)
    assert {"train", "validation", "test"} == set(kept)


def test_the_unlabelled_test_file_of_sst2_is_reported(tmp_path, run):
    SHAPES["sst2"](tmp_path)
    result, _ = run(*COMMANDS["sst2"])
    assert "test.tsv: this file is not read, because it has no column 'label'" in result.stderr
    result, _ = run(*COMMANDS["sst2"][:-2], "--overwrite")
    assert result.exit_code != 0
    assert "--quoting none" in str(result.exception)


def test_several_emotions_are_refused_or_listed(tmp_path, run):
    go_emotions(tmp_path)
    words = COMMANDS["emotions"]
    result, _ = run(*words[: words.index("--on-error")])
    assert f"{3 * ROWS // 5} rows can't be used" in str(result.exception)
    assert "dev.tsv:4: column 'label' has several values ('8,20'); write one name" in str(result.exception)
    assert "leave them out with --on-error skip" in str(result.exception)
    result, _ = run(*words)
    assert "Left out: goemotions/data/dev.tsv:4: column 'label' has several values ('8,20')" in result.stderr
    with (tmp_path / words[2] / "rejected.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 3 * ROWS // 5


def test_tables_in_a_folder_named_data_are_read(tmp_path, run):
    rows = tweet_eval(tmp_path, "tweet_eval/data")
    result, found = run("prepare", "tweet_eval", "data/tweets")
    assert result.exit_code == 0, result.output
    assert [(review.text, review.label, review.split) for review in found] == rows


def test_the_message_about_windows_1252_names_the_option(tmp_path, run):
    rows = steam(tmp_path, "cp1252", WINDOWS)
    result, found = run(*COMMANDS["steam"])
    assert "in cp1252" in str(result.exception)
    assert "name its encoding with --encoding" in str(result.exception)
    found.clear()
    result, found = run(*COMMANDS["steam"], "--encoding", "cp1252")
    assert result.exit_code == 0, result.output
    assert [(review.text, review.label, review.split) for review in found] == rows


def test_line_ends_of_old_macs_are_reported(tmp_path, run):
    """Some tables of CrowdFlower have them."""
    airline(tmp_path)
    path = tmp_path / COMMANDS["airline"][1]
    path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r"))
    result, _ = run(*COMMANDS["airline"])
    assert (
        f"{path.name}:1: the row is not valid CSV (new-line character seen in unquoted field); use \\n"
        in str(result.exception)
    )
