"""The n-gram layer."""

import dataclasses

import keras
import numpy as np
import pytest

from helpers.ngram_inputs import BUCKETS, SIZE, fitted, layer
from helpers.tiny import MODEL, build
from keras_sentiment.models.ngrams import NgramEnsemble, ngram_layer


def row(tokens, padding=0):
    ids = np.pad(np.array([tokens], "int32"), ((0, 0), (0, padding)))
    return ids, (ids > 0).astype("int32")


def rows_of(linear, tokens):
    """Returns the row of `index` of each n-gram, computed one by one in Python."""
    codes = keras.ops.convert_to_numpy(linear.codes)[:, 0].tolist()
    found = set(tokens)
    for length in range(2, linear.order + 1):
        for start in range(len(tokens) - length + 1):
            ngram = tokens[start : start + length]
            found.add(SIZE + sum(codes[place * SIZE + token] for place, token in enumerate(ngram)) % BUCKETS)
    return sorted(found)


def centered(logits):
    """Returns logits without their mean, which does not change a probability."""
    return logits - logits.mean(axis=-1, keepdims=True)


@pytest.mark.parametrize("num_classes", [2, 3])
@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("tokens", [[7], [5, 6], [5, 6, 5, 6, 5, 6, 9], list(range(5, 15))])
def test_each_ngram_counts_once(tokens, order, num_classes):
    linear = layer(order, num_classes=num_classes)
    weights, bias = fitted(linear)
    expected = weights[rows_of(linear, tokens)].sum(axis=0) + bias
    deep = np.array([[0.5, -2.0, 1.0]], "float32")[:, :num_classes]
    for padding in (0, 4):
        rows = row(tokens, padding)
        alone = keras.ops.convert_to_numpy(linear.linear_logits(*rows))[0]
        np.testing.assert_allclose(centered(alone), centered(expected), atol=1e-5)
        for share in (0, 0.75, 1):
            linear.share = share
            logits = keras.ops.convert_to_numpy(linear(deep, *rows))[0]
            mean = (1 - share) * deep[0] + share * expected
            np.testing.assert_allclose(centered(logits), centered(mean), atol=1e-5)


def test_a_share_of_1_ignores_the_logits_of_the_encoder():
    linear = layer(share=1)
    fitted(linear)
    broken = np.full((1, 2), np.nan, "float32")
    assert np.isfinite(keras.ops.convert_to_numpy(linear(broken, *row([5, 6])))).all()


def test_only_ngrams_with_weights_have_rows():
    """A copy from the config has as many rows, and its weights in the same order."""
    linear = layer(num_classes=3)
    assert linear.kernel.shape == (1, 3)
    linear.set_ngrams(np.array([5, 40]), np.ones((2, 3), "float32"), np.zeros(3, "float32"))
    assert linear.kernel.shape == (3, 3)
    copy = NgramEnsemble.from_config(linear.get_config())
    copy.build((None, 3))
    copy.set_weights(linear.get_weights())
    for inputs in (row([5]), row([6]), row([5, 6, 7])):
        found, expected = (keras.ops.convert_to_numpy(one.linear_logits(*inputs)) for one in (copy, linear))
        np.testing.assert_array_equal(found, expected)
    assert [weight.name for weight in linear.weights] == [weight.name for weight in copy.weights]


@pytest.mark.filterwarnings("ignore:Skipping nested container")
def test_a_row_number_outside_the_rows_is_refused(tmp_path):
    model = build()
    linear = model.get_layer("ngrams")
    index = np.zeros(linear.index.shape, "int32")
    for row_number in (1, -1):
        index[3] = row_number
        linear.index.assign(index)
        model.save(tmp_path / "model.keras")
        with pytest.raises(ValueError, match="ngrams: its index has row numbers outside its 1 rows"):
            keras.models.load_model(tmp_path / "model.keras")


def test_the_largest_ids_stay_in_the_index():
    linear = layer(5, size=400_000, buckets=2**21)
    ids = np.full((1, 9), 399_999, "int32") - np.arange(9, dtype="int32") * 4999
    found, counted = linear.ngrams_of(ids, np.ones_like(ids))
    found = keras.ops.convert_to_numpy(found)
    assert found.min() >= 0
    assert found.max() < 400_000 + 2**21
    assert keras.ops.convert_to_numpy(counted).sum() == 9 + 8 + 7 + 6 + 5
    # Some runtimes store integers as float32.
    assert keras.ops.convert_to_numpy(linear.codes).max() * 5 < 2**24


def test_frequent_pairs_collide_no_more_than_by_chance():
    """A hash that is linear in both ids fills only two thirds as many buckets as a random one."""
    linear = layer(2, size=30_000, buckets=2**16)
    pairs = np.random.default_rng(0).zipf(1.2, (100_000, 2))
    pairs = np.unique(1000 + pairs[(pairs < 5000).all(axis=1)], axis=0).astype("int32")
    found = keras.ops.convert_to_numpy(linear.ngrams_of(pairs, np.ones_like(pairs))[0]).max(axis=1)
    by_chance = 2**16 * (1 - np.exp(-len(pairs) / 2**16))
    assert len(np.unique(found)) > 0.97 * by_chance


@pytest.mark.once
def test_the_ngram_layer_of_a_nested_model_is_found():
    model = build()
    whole = keras.Model(model.input, model(model.input))
    assert ngram_layer(whole) is model.get_layer("ngrams")
    assert ngram_layer(build(dataclasses.replace(MODEL, ngrams=0))) is None


@pytest.mark.once
def test_the_layer_is_restored_from_its_config():
    one = NgramEnsemble(9, 2, 16, 0.25, 3.0, dtype="float32")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(one))
    assert type(copy) is type(one)
    assert copy.get_config() == one.get_config()


@pytest.mark.once
def test_without_ngrams_there_are_no_weights():
    assert not [w for w in build(dataclasses.replace(MODEL, ngrams=0)).weights if "ngrams" in w.path]
