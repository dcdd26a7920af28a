"""`benchmark` on the command line."""

import csv
import importlib.util

import pytest
from click.testing import CliRunner

from helpers.tiny import TOKENIZER, reviews
from keras_sentiment.scripts.command_line import commands

pytestmark = pytest.mark.once

# What the contract promises of `evaluate --json`.
FIELDS = {"examples", "accuracy", "loss", "f1", "roc_auc", "ece", "brier", "confusion", "accuracy_ci95"}
FIELDS |= {"intervals", "f1_per_class"}
SMALL = ["--sequence-length", "32", "--precision", "float32", "--learning-rate", "0.01"]
SMALL += ["--set", "ngram_buckets=4096", "--set", "ngram_weight=0.2"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A table of reviews, and the vocabulary that it is made of."""
    folder = tmp_path_factory.mktemp("commands")
    TOKENIZER.save(folder / "words")
    with (folder / "films.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *((r.text, r.label) for r in reviews(120))])
    return folder


@pytest.fixture(scope="module")
def path(folder):
    """The folder after prepare and train-transformer."""
    runner = CliRunner()
    for arguments in (
        ["prepare", "films.csv", "data", "--tokenizer", "words", "--quiet"],
        ["train-transformer", "data", "run", "--epochs", "3", *SMALL],
    ):
        places = [str(folder / a) if a in ("films.csv", "data", "words", "run") else a for a in arguments]
        result = runner.invoke(commands, places, catch_exceptions=False)
        assert result.exit_code == 0, result.output
    return folder


def mistake(result, *expected):
    status, out, error = result
    assert status == 2
    assert out == ""
    assert error.count("\n") == 1
    for text in expected:
        assert str(text) in error


def test_benchmark_wants_the_vocabulary_of_its_weights(cli, path, tmp_path):
    mistake(cli("benchmark", path / "data"), path / "data", "prepare it with --tokenizer minilm")
    mistake(cli("benchmark", tmp_path / "none"), tmp_path / "none", "prepare")


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ("accelerate", 'pip install "keras-sentiment[benchmark]"'),
        ("jax", 'pip install "keras-sentiment[jax]"'),
    ],
)
def test_benchmark_wants_what_it_times(cli, path, monkeypatch, missing, expected):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else find(name))
    mistake(cli("benchmark", path / "data", "--backend", "jax"), expected)
