"""What the tests of training share, made once a module."""

import dataclasses
import functools

import pytest

from helpers.resumption import DROPPED, EPOCHS, train
from helpers.tiny import RECIPE, make_corpus
from keras_sentiment.config import BertConfig
from keras_sentiment.recipes import Recipe


@pytest.fixture(scope="session")
def small_corpus(tmp_path_factory):
    """Twelve batches an epoch."""
    return make_corpus(tmp_path_factory.mktemp("small") / "data", 120)


@pytest.fixture(scope="session")
def recipes(bert_preset):
    """Trainings in which whatever is random takes part."""
    # One length of rows: jax and tensorflow compile few shapes.
    inputs = dataclasses.replace(RECIPE.inputs, sequence_length=24)
    settings = dataclasses.replace(RECIPE.training, epochs=EPOCHS, patience=0)
    bert = BertConfig(preset=bert_preset, trainable_blocks=1, dropout=0.2, ngram_buckets=64)
    return {
        "transformer": Recipe(DROPPED, inputs, dataclasses.replace(settings, word_dropout=0.2)),
        "bert": Recipe(bert, inputs, settings),
        "cached": Recipe(dataclasses.replace(bert, cache_frozen=True), inputs, settings),
    }


@pytest.fixture(scope="session")
def whole(small_corpus, recipes, tmp_path_factory):
    """Gives what a recipe comes to when nobody interrupts it."""
    path = tmp_path_factory.mktemp("whole")
    return functools.cache(lambda name: train(small_corpus, recipes[name], path / name))
