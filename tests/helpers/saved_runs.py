"""Saved runs, and a check of messages."""

import contextlib
import json

import keras

from helpers.tiny import RECIPE
from keras_sentiment.storage.checksums import sha256
from keras_sentiment.training.run_writer import new_run

BACKEND = keras.backend.backend()


def one_line(caught, *expected):
    message = str(caught.value)
    assert "\n" not in message
    for text in expected:
        assert str(text) in message


def start(path, corpus, **options):
    return new_run(path, corpus, RECIPE, BACKEND, "float32", **options)


def sign(folder):
    """Writes the checksums of the files as they are now, as an attacker would."""
    file = folder / "checksums.json"
    with contextlib.suppress(ValueError, TypeError):
        names = json.loads(file.read_bytes())
        hashes = {name: sha256(folder / name) for name in names if (folder / name).is_file()}
        file.write_text(json.dumps({**names, **hashes}))
