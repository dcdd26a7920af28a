"""`benchmark` on the command line."""

import importlib.util

import pytest

from helpers.command_line import mistake
from helpers.tiny import TOKENIZER

pytestmark = pytest.mark.once


def test_benchmark_wants_the_vocabulary_of_its_weights(cli, path, tmp_path):
    mistake(cli("benchmark", path / "data"), path / "data", "prepare it with --tokenizer minilm")
    mistake(cli("benchmark", tmp_path / "none"), tmp_path / "none", "prepare")


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ("accelerate", 'pip install -e ".[benchmark]"'),
        ("jax", 'pip install -e ".[jax]"'),
    ],
)
def test_benchmark_wants_what_it_times(cli, path, monkeypatch, missing, expected):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else find(name))
    mistake(cli("benchmark", path / "data", "--backend", "jax"), expected)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--device", "gpu"], "torch sees no GPU"),
        (["--threads", "100000"], "--threads 100000"),
        (["--task", "score-artifacts", "--precision", "mixed_bfloat16"], "score-artifacts"),
        (["--precision", "mixed_float16", "--backend", "jax"], "jax has no float16"),
        (["--precision", "float8"], "float8"),
    ],
)
def test_benchmark_refuses_what_not_all_can_do(cli, path, monkeypatch, options, expected):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    # Another vocabulary than that of its weights, which is looked at before.
    monkeypatch.setattr("keras_sentiment.text.tokenizer.find_tokenizer", lambda name: TOKENIZER)
    mistake(cli("benchmark", path / "data", *options), expected)
