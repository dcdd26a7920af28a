"""Trainings that are interrupted at a step and resumed."""

import dataclasses

import keras
import numpy as np

from helpers.tiny import MODEL, TOKENIZER, fit_all
from keras_sentiment.batches.review_batches import ReviewBatches
from keras_sentiment.config import BertConfig
from keras_sentiment.models.bert import build_bert
from keras_sentiment.models.transformer import build_transformer
from keras_sentiment.training.finish import finish
from keras_sentiment.training.fit import prepare_fit, start_run
from keras_sentiment.training_config import CheckpointConfig

BACKEND = keras.backend.backend()
# Every kind of dropout is used, because its random state has to be resumed.
DROPPED = dataclasses.replace(
    MODEL, embedding_dropout=0.2, dropout=0.2, attention_dropout=0.1, head_dropout=0.3
)
EPOCHS, EVERY = 3, 3


class Killed(Exception):
    """Ends a training like a killed process, without saving."""


class Kill(keras.callbacks.Callback):
    """Does something before a step, counted from the beginning of the run, or in its validation."""

    def __init__(self, fit, step, action=None, validating=False):
        super().__init__()
        self.fit, self.at, self.validating, self.async_safe = fit, step, validating, True
        self.action = action

    def act(self):
        if self.action is None:
            raise Killed
        _ = self.model  # reading it applies pending assignments on jax
        self.action()

    def on_train_batch_begin(self, batch, logs=None):
        train = self.fit.train
        self.now = train.epoch * train.steps + train.first + batch
        if self.now == self.at and not self.validating:
            self.act()

    def on_test_batch_begin(self, batch, logs=None):
        if self.validating and self.now + 1 >= self.at:
            self.act()


def assert_same(found, expected):
    for one, two in zip(found[0], expected[0], strict=True):
        np.testing.assert_array_equal(one, two)
    assert found[1:] == expected[1:]


def prepared(corpus, recipe, path, resume=False, limit=None, **options):
    run = start_run(path, corpus, recipe, resume=resume)
    if isinstance(recipe.model, BertConfig):
        model = build_bert(recipe.model, 24, 2)
    else:
        model = build_transformer(recipe.model, TOKENIZER.vocabulary_size, 24, 2)
    options = {"checkpoints": CheckpointConfig(EVERY), **options}
    return prepare_fit(model, corpus, run, limit, quiet=True, **options)


def train(corpus, recipe, path, step=None, action=None, validating=False, **options):
    """Trains to the end or until it is interrupted before a step; returns the weights and the history."""
    fit = prepared(corpus, recipe, path, **options)
    fit_all(fit, [] if step is None else [Kill(fit, step, action, validating)])
    run = finish(fit, corpus)
    figures = [
        {name: value for name, value in row.items() if "second" not in name}
        for row in fit.checkpoints._record.rows
    ]
    return [run.load_model().get_weights(), figures, run.config]


def steps_of(corpus, recipe):
    config, inputs = recipe.training, recipe.inputs
    split, rest = corpus.splits["train"], (config.batch_size, config.seed, config.word_dropout)
    return ReviewBatches(split, TOKENIZER, inputs, *rest).steps
