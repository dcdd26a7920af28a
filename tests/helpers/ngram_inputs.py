"""An n-gram layer with few buckets."""

import numpy as np

from helpers.tiny import TOKENIZER
from keras_sentiment.models.ngrams import NgramEnsemble

SIZE, BUCKETS = TOKENIZER.vocabulary_size, 97


def layer(order=3, share=0.75, num_classes=2, size=SIZE, buckets=BUCKETS):
    """A layer without weights."""
    made = NgramEnsemble(size, order, buckets, share, l2=0.1)
    made.build((None, num_classes))
    return made


def fitted(linear):
    """Sets random weights for two thirds of the n-grams of a layer; returns all weights and the bias."""
    rng = np.random.default_rng(0)
    places, num_classes = linear.index.shape[0], linear.num_classes
    kept = rng.permutation(places)[: 2 * places // 3]
    weights, bias = rng.normal(size=(places, num_classes)), rng.normal(size=num_classes)
    weights[np.setdiff1d(np.arange(places), kept)] = 0
    linear.set_ngrams(kept, weights[kept], bias)
    return weights, bias
