"""The linear model of n-grams as a layer."""

import dataclasses

import keras
import numpy as np
import pytest

from helpers.ngram_inputs import BUCKETS, SIZE, layer
from helpers.tiny import MODEL, build
from keras_sentiment.models.ngrams import NgramEnsemble, ngram_layer


def row(tokens, padding=0):
    ids = np.pad(np.array([tokens], "int32"), ((0, 0), (0, padding)))
    return ids, (ids > 0).astype("int32")


def places(linear, tokens):
    """The row of the table that each n-gram has, found one by one."""
    codes = keras.ops.convert_to_numpy(linear.codes)[:, 0].tolist()
    found = set(tokens)
    for length in range(2, linear.order + 1):
        for start in range(len(tokens) - length + 1):
            ngram = tokens[start : start + length]
            found.add(SIZE + sum(codes[place * SIZE + token] for place, token in enumerate(ngram)) % BUCKETS)
    return sorted(found)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("tokens", [[7], [5, 6], [5, 6, 5, 6, 5, 6, 9], list(range(5, 15))])
def test_each_ngram_counts_once(tokens, order):
    linear = layer(order)
    kernel, bias = map(keras.ops.convert_to_numpy, (linear.kernel, linear.bias))
    deep = np.array([[0.5, -2.0]], "float32")
    expected = 0.25 * deep[0] + 0.75 * (kernel[places(linear, tokens)].sum(axis=0) + bias)
    for padding in (0, 4):
        logits = keras.ops.convert_to_numpy(linear(deep, *row(tokens, padding)))[0]
        np.testing.assert_allclose(logits, expected, atol=1e-5)


def test_largest_ids_stay_in_the_table():
    linear = layer(5, size=400_000, buckets=2**21)
    ids = np.full((1, 9), 399_999, "int32") - np.arange(9, dtype="int32") * 4999
    found, counted = linear.ngrams_of(ids, np.ones_like(ids))
    found = keras.ops.convert_to_numpy(found)
    assert found.min() >= 0
    assert found.max() < 400_000 + 2**21
    assert keras.ops.convert_to_numpy(counted).sum() == 9 + 8 + 7 + 6 + 5
    # Some runtimes compute with whole numbers in float32.
    assert keras.ops.convert_to_numpy(linear.codes).max() * 5 < 2**24


def test_frequent_pairs_do_not_meet():
    """A hash that was linear in both ids filled two thirds of the buckets that chance fills."""
    linear = layer(2, size=30_000, buckets=2**16)
    pairs = np.random.default_rng(0).zipf(1.2, (100_000, 2))
    pairs = np.unique(1000 + pairs[(pairs < 5000).all(axis=1)], axis=0).astype("int32")
    found = keras.ops.convert_to_numpy(linear.ngrams_of(pairs, np.ones_like(pairs))[0]).max(axis=1)
    by_chance = 2**16 * (1 - np.exp(-len(pairs) / 2**16))
    assert len(np.unique(found)) > 0.97 * by_chance


@pytest.mark.once
def test_a_model_has_its_ngrams_in_its_parts():
    model = build()
    whole = keras.Model(model.input, model(model.input))
    assert ngram_layer(whole) is model.get_layer("ngrams")
    assert ngram_layer(build(dataclasses.replace(MODEL, ngrams=0))) is None


@pytest.mark.once
def test_the_layer_comes_back_from_its_config():
    one = NgramEnsemble(9, 2, 16, 0.25, 3.0, dtype="float32")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(one))
    assert type(copy) is type(one)
    assert copy.get_config() == one.get_config()


@pytest.mark.once
def test_without_ngrams_there_is_no_table():
    assert not [w for w in build(dataclasses.replace(MODEL, ngrams=0)).weights if "ngrams" in w.path]
