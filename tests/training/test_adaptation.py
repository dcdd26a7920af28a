"""What a model fits to the texts before it trains."""

import dataclasses

import keras
import numpy as np
import pytest

from helpers.ngram_inputs import layer
from helpers.tiny import INPUTS, MODEL, TOKENIZER, build, make_split
from keras_sentiment.batches.review_batches import ReviewBatches
from keras_sentiment.training.adaptation import adapt_ngrams


def test_ngrams_learn_what_no_single_token_tells():
    """Whether 5 stands before 6 or behind it, among the same tokens, in rows of different lengths."""
    rng = np.random.default_rng(3)
    split = make_split(rng.integers(4, 30, 200).tolist())
    split.ids[split.ids < 8] = 8
    for index, label in enumerate(split.labels.tolist()):
        place = split.offsets[index] + rng.integers(0, split.lengths[index] - 1)
        split.ids[place : place + 2] = (5, 6) if label else (6, 5)
    linear = layer()
    adapt_ngrams(linear, ReviewBatches(split, TOKENIZER, INPUTS))
    correct = 0
    for rows, inputs in ReviewBatches(split, TOKENIZER, INPUTS).for_scoring():
        logits = keras.ops.convert_to_numpy(linear(np.zeros((len(rows), 2), "float32"), **inputs))
        correct += int((logits.argmax(axis=1) == split.labels[rows]).sum())
    assert correct == len(split)


@pytest.mark.filterwarnings("ignore:.*was not adapted")
def test_a_deep_model_learns_as_if_it_were_alone():
    """To the same weights, whatever the n-grams say; and they stay as they were fitted."""
    split = make_split([9, 20, 5, 12])
    models = [build(dataclasses.replace(MODEL, ngrams=ngrams)) for ngrams in (3, 0)]
    deep = [
        {layer.name: layer for layer in model.layers if layer.weights and layer.name != "ngrams"}
        for model in models
    ]
    for name, one in deep[0].items():
        deep[1][name].set_weights(one.get_weights())
    ngrams = models[0].get_layer("ngrams")
    adapt_ngrams(ngrams, ReviewBatches(split, TOKENIZER, INPUTS))
    before = ngrams.get_weights()
    assert np.ptp(keras.ops.convert_to_numpy(ngrams.kernel)) > 0
    for model in models:
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        model.fit(ReviewBatches(split, TOKENIZER, INPUTS, 2), epochs=2, shuffle=False, verbose=0)
    for name, one in deep[0].items():
        for ours, theirs in zip(one.get_weights(), deep[1][name].get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-6)
    for ours, theirs in zip(ngrams.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
