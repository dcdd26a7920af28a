"""N-grams beside a deep model: what occurs counts once, by its log-count ratio; none learns for another."""

import dataclasses
import math

import keras
import numpy as np
import pytest
from tiny import INPUTS, MODEL, TOKENIZER, build, make_split

from keras_sentiment.batches import ReviewBatches
from keras_sentiment.ngrams import Ensemble, NgramLogits, adapt_ngrams

SIZE, BUCKETS = TOKENIZER.vocabulary_size, 97


def layer(order=3, gain=1.0, num_classes=2):
    """Random weights, ratios of 1."""
    made = NgramLogits(SIZE, num_classes, order, BUCKETS, gain)
    made.build()
    made.kernel.assign(np.random.default_rng(0).normal(size=made.kernel.shape))
    return made


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
    expected = keras.ops.convert_to_numpy(linear.kernel)[places(linear, tokens)].sum(axis=0)
    for padding in (0, 4):
        logits = keras.ops.convert_to_numpy(linear(*row(tokens, padding)))[0]
        np.testing.assert_allclose(logits, expected, atol=1e-5)


def test_largest_ids_stay_in_the_table():
    linear = NgramLogits(400_000, 2, 5, 2**21)
    linear.build()
    ids = np.full((1, 9), 399_999, "int32") - np.arange(9, dtype="int32") * 4999
    found, counted = linear._found(ids, np.ones_like(ids))
    found = keras.ops.convert_to_numpy(found)
    assert found.min() >= 0
    assert found.max() < 400_000 + 2**21
    assert keras.ops.convert_to_numpy(counted).sum() == 9 + 8 + 7 + 6 + 5
    # Some runtimes compute with whole numbers in float32.
    assert keras.ops.convert_to_numpy(linear.codes).max() * 5 < 2**24


def test_frequent_pairs_do_not_meet():
    """A hash that was linear in both ids filled two thirds of the buckets that chance fills."""
    linear = NgramLogits(30_000, 2, 2, 2**16)
    linear.build()
    pairs = np.random.default_rng(0).zipf(1.2, (100_000, 2))
    pairs = np.unique(1000 + pairs[(pairs < 5000).all(axis=1)], axis=0).astype("int32")
    found = keras.ops.convert_to_numpy(linear._found(pairs, np.ones_like(pairs))[0]).max(axis=1)
    by_chance = 2**16 * (1 - np.exp(-len(pairs) / 2**16))
    assert len(np.unique(found)) > 0.97 * by_chance


@pytest.mark.parametrize("gain", [1.0, 10.0])
def test_ratios_are_counted_on_the_train_reviews(gain):
    split = make_split([3, 9, 20, 4, 12], labels=[1, 0, 0, 1, 2])
    linear = layer(gain=gain, num_classes=3)
    linear.adapt(ReviewBatches(split, TOKENIZER, INPUTS))
    counts = np.ones((SIZE + BUCKETS, 3))
    for index, label in enumerate(split.labels):
        tokens = [TOKENIZER.cls_id, *split.ids_of(index).tolist(), TOKENIZER.sep_id]
        counts[places(linear, tokens), label] += 1
    totals = counts.sum(axis=0)
    for place in (5, 9, SIZE + 3, SIZE + 96):
        for label in range(3):
            others = [other for other in range(3) if other != label]
            share = counts[place, label] / totals[label]
            ratio = math.log(share / (counts[place, others].sum() / totals[others].sum()))
            assert float(linear.ratios[place, label]) == pytest.approx(gain * ratio, abs=1e-5)


def test_a_model_finds_its_ngrams_in_its_parts():
    model = build()
    split = make_split([9, 20], labels=[0, 1])
    whole = keras.Model(model.input, model(model.input))
    adapt_ngrams(whole, ReviewBatches(split, TOKENIZER, INPUTS))
    assert np.ptp(keras.ops.convert_to_numpy(model.get_layer("ngrams").ratios)) > 0


def members(seed):
    """Two linear models of the same three numbers, and their ensemble."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((3,))
    logits = [keras.layers.Dense(2, name=f"member_{index}")(inputs) for index in range(2)]
    return keras.Model(inputs, Ensemble([0.3, 0.7])(logits)), [keras.Model(inputs, one) for one in logits]


def fit(model, rate):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 3)).astype("float32"), rng.integers(0, 2, 20)
    model.compile(keras.optimizers.SGD(rate), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(x, y, batch_size=5, epochs=3, shuffle=False, verbose=0)


def test_each_member_of_an_ensemble_learns_as_if_it_were_alone():
    """A sum's gradient alone would fail this: each would learn what the other leaves."""
    together, _ = members(seed=1)
    fit(together, 0.5)
    for index, share in enumerate((0.3, 0.7)):
        _, alone = members(seed=1)
        fit(alone[index], 0.5 * share)
        for one, other in zip(
            together.get_layer(f"member_{index}").get_weights(), alone[index].get_weights()[-2:], strict=True
        ):
            np.testing.assert_allclose(one, other, atol=1e-5)


def test_an_ensemble_is_the_weighted_mean():
    together, alone = members(seed=2)
    x = np.random.default_rng(1).normal(size=(4, 3)).astype("float32")
    first, second = (model.predict_on_batch(x) for model in alone)
    np.testing.assert_allclose(together.predict_on_batch(x), 0.3 * first + 0.7 * second, atol=1e-6)


@pytest.mark.parametrize("one", [NgramLogits(9, 2, 2, 16, 3.0), Ensemble([0.25, 0.75])])
def test_layers_come_back_from_their_config(one):
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(one))
    assert type(copy) is type(one)
    assert copy.get_config() == one.get_config()


def test_without_ngrams_there_is_no_table():
    assert not [w for w in build(dataclasses.replace(MODEL, ngrams=0)).weights if "ngrams" in w.path]
