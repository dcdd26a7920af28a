"""One process at a time writes in a folder."""

import dataclasses
import subprocess
import sys

import pytest

from helpers.resumption import BACKEND, DROPPED, EPOCHS
from helpers.tiny import RECIPE, make_bert_preset, make_corpus
from keras_sentiment.config import BertConfig
from keras_sentiment.recipes import Recipe
from keras_sentiment.storage.locks import lock, unlock
from keras_sentiment.training.run_writer import new_run

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return make_corpus(tmp_path_factory.mktemp("resumption") / "data", 120)


@pytest.fixture(scope="module")
def recipes(tmp_path_factory):
    folder = make_bert_preset(tmp_path_factory.mktemp("preset"))
    # One length of rows: jax and tensorflow compile few shapes.
    inputs = dataclasses.replace(RECIPE.inputs, sequence_length=24)
    settings = dataclasses.replace(RECIPE.training, epochs=EPOCHS, patience=0)
    bert = BertConfig(preset=folder, trainable_blocks=1, dropout=0.2, ngram_buckets=64)
    return {
        "transformer": Recipe(DROPPED, inputs, dataclasses.replace(settings, word_dropout=0.2)),
        "bert": Recipe(bert, inputs, settings),
        "cached": Recipe(dataclasses.replace(bert, cache_frozen=True), inputs, settings),
    }


def test_two_processes_do_not_write_in_one_folder(corpus, recipes, tmp_path):
    run = new_run(tmp_path / "run", corpus, recipes["transformer"], BACKEND, "float32")
    run.begin()
    program = (
        "import sys; from pathlib import Path; from keras_sentiment.storage.locks import lock\n"
        "try:\n    lock(Path(sys.argv[1]), 0.1)\nexcept ValueError as error:\n    print(error)"
    )

    def tried():
        command = [sys.executable, "-c", program, run.path]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert "another process is writing there" in tried()
    lock(run.path)  # the same process may
    unlock(lock(run.path))
    assert tried() == ""
