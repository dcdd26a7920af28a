"""Runs for the tests of exports."""

import dataclasses

import keras
import numpy as np

from helpers.ngram_inputs import fitted
from helpers.tiny import RECIPE
from keras_sentiment.data.text_keys import TextKeys
from keras_sentiment.models.ngrams import ngram_layer
from keras_sentiment.runs.run import open_run
from keras_sentiment.training.run_writer import new_run


def save_scattered(path, corpus, model, recipe=RECIPE, seed=0):
    """A run with a temperature and a threshold, of a model with very different logits.

    Args:
        seed: of its weights; for the small Transformer one that puts GATE where it says.
    """
    run = new_run(path, corpus, recipe, keras.backend.backend(), "float32")
    config = dataclasses.replace(run.config, temperature=2.0, threshold=0.25)
    texts = TextKeys.of(corpus.splits["train"].texts())
    run = dataclasses.replace(run, config=config, texts=texts)
    run.begin()
    weights = [np.random.default_rng(seed + i).normal(0, 1, w.shape) for i, w in enumerate(model.weights)]
    model.set_weights(
        [
            drawn if weight.dtype == "float32" else keras.ops.convert_to_numpy(weight)
            for weight, drawn in zip(model.weights, weights, strict=True)
        ]
    )
    ngrams = ngram_layer(model)
    if ngrams is not None:
        fitted(ngrams)
    run.finish(model, corpus)
    return open_run(path)
