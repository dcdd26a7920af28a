"""`model.fit` as somebody writes it who has read no more than Keras's documentation."""

import dataclasses
import warnings

import keras
import numpy as np
import pytest

from helpers.tiny import INPUTS, MODEL, TOKENIZER, build, make_split
from keras_sentiment.batches.review_batches import ReviewBatches
from keras_sentiment.errors import InputError
from keras_sentiment.models.ngrams import adapted_layers
from keras_sentiment.training.adaptation import adapt_model

LENGTHS = [3 + 2 * (i % 17) for i in range(60)]


class Noted(ReviewBatches):
    """Notes the epoch of each batch that is taken, and its reviews."""

    def __init__(self, *args, **kwargs):
        self.taken = []
        super().__init__(*args, **kwargs)

    def __getitem__(self, index):
        self.taken.append((self.epoch, tuple(self._plan[self.first + index][0].tolist())))
        return super().__getitem__(index)


def compiled(model):
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def test_each_epoch_has_batches_of_its_own():
    """Without a callback, shuffled by Keras or not."""
    train = Noted(make_split(LENGTHS), TOKENIZER, INPUTS, batch_size=8, seed=1)
    model = build()
    adapt_model(model, train)
    train.taken.clear()
    compiled(model).fit(train, epochs=3, verbose=0)
    epochs = [{rows for number, rows in train.taken if number == epoch} for epoch in range(3)]
    for batches in epochs:
        assert sorted(row for rows in batches for row in rows) == list(range(60))
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]
    # As the library's own training composes them.
    for epoch, batches in enumerate(epochs):
        train.begin_epoch(epoch)
        assert {tuple(rows.tolist()) for rows, _ in train._plan} == batches
    # Whoever counts the epochs goes on counting.
    train.on_epoch_end()
    assert train.epoch == 2


def test_an_epoch_that_was_not_read_to_its_end_stays():
    train = ReviewBatches(make_split(LENGTHS), TOKENIZER, INPUTS, batch_size=8, seed=1)
    for index in range(train.num_batches - 1):
        _ = train[index]
    train.on_epoch_end()
    assert train.epoch == 0
    _ = train[train.num_batches - 1]
    train.on_epoch_end()
    assert train.epoch == 1


@pytest.mark.parametrize(("changes", "layer"), [({}, "ngrams"), ({"ngrams": 0}, "token_embedding")])
def test_forgetting_to_adapt_is_said(changes, layer):
    train = ReviewBatches(make_split(LENGTHS), TOKENIZER, INPUTS, batch_size=8, seed=1)
    model = compiled(build(dataclasses.replace(MODEL, **changes)))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        model.fit(train, verbose=0)
    assert any(f"{layer} was not adapted" in str(warning.message) for warning in told)
    with pytest.raises(InputError, match=f"has trained, and adapting would replace its .*{layer}"):
        adapt_model(model, train)

    model = build(dataclasses.replace(MODEL, **changes))
    adapt_model(model, train)
    assert all(found.adapted for found in adapted_layers(model))
    weights = model.get_weights()
    adapt_model(model, train)  # what was adapted, and may have been trained since, stays
    for one, other in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_model_that_needs_nothing_trains_in_silence():
    train = ReviewBatches(make_split(LENGTHS), TOKENIZER, INPUTS, batch_size=8, seed=1)
    model = build(dataclasses.replace(MODEL, ngrams=0, cooccurrence=False))
    before = model.get_weights()
    adapt_model(model, train)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    compiled(model).fit(train, verbose=0)  # a warning would be an error
