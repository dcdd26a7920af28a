"""What holds for every test: a backend, quiet logs, fixed seeds."""

import os

# Before the first import of Keras or TensorFlow, which read them once.
os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import random
import sys

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def fixed_seeds() -> None:
    """Every test starts from the same random state, whatever ran before it."""
    random.seed(0)
    np.random.seed(0)
    # Tests that do not need Keras should not wait for its import.
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)


@pytest.fixture
def engine():
    """A model for a server that counts words."""
    from served import WordEngine  # with it come the server's packages, which few tests need

    return WordEngine()


@pytest.fixture
def port(engine):
    """Of a server of that model."""
    from served import make_classifier, serving

    with serving(make_classifier(engine)) as port:
        yield port


@pytest.fixture
def run(monkeypatch, capfd):
    """Runs `keras-sentiment` with some arguments; returns its exit status and its two streams."""
    from keras_sentiment.scripts import command_line

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["keras-sentiment", *map(str, arguments)])
        capfd.readouterr()
        status = 0
        try:
            command_line.main()
        except SystemExit as stop:
            status = stop.code
        return status, *capfd.readouterr()

    return call
