"""Short trainings."""

import csv
import dataclasses
from typing import NamedTuple

import keras

from helpers.tiny import MODEL, RECIPE, TOKENIZER, TRAINING, build, fit_all
from keras_sentiment.models.transformer import build_transformer
from keras_sentiment.runs.run import Run
from keras_sentiment.training.finish import finish
from keras_sentiment.training.fit import Fit, prepare_fit, start_run
from keras_sentiment.training.optimization import compile_model

# All rows have one length, so that jax and tensorflow compile few shapes.
SHORT = RECIPE.replace(sequence_length=32)


class Trained(NamedTuple):
    run: Run
    fit: Fit
    history: list[dict[str, float]]


def rates(**changes):
    model = build()
    compile_model(model, dataclasses.replace(TRAINING, **changes), 100, "float32")
    found = []
    for step in (0, 2, 5, 10, 20, 50, 90, 100):
        model.optimizer.iterations.assign(step)
        found.append(float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)))
    return found


def prepared(corpus, path, limit=None, **changes):
    recipe = SHORT.replace(**changes)
    run = start_run(path, corpus, recipe)
    model = build_transformer(MODEL, TOKENIZER.vocabulary_size, recipe.inputs.sequence_length, 2)
    return run, prepare_fit(model, corpus, run, limit, quiet=True)


def train(corpus, path, callbacks=(), limit=None, **changes) -> Trained:
    run, fit = prepared(corpus, path, limit, **changes)
    fit_all(fit, callbacks)
    finish(fit, corpus)
    with run.history.open(newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    return Trained(run, fit, rows)
