"""`benchmark` on the command line."""

import importlib.util

import pytest

from helpers.command_line import mistake

pytestmark = pytest.mark.once


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
