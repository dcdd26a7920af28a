"""Saved runs, and what a message must hold."""

import keras

from helpers.tiny import RECIPE
from keras_sentiment.training.run_writer import new_run

BACKEND = keras.backend.backend()


def one_line(caught, *expected):
    message = str(caught.value)
    assert "\n" not in message
    for text in expected:
        assert str(text) in message


def start(path, corpus, **options):
    return new_run(path, corpus, RECIPE, BACKEND, "float32", **options)
