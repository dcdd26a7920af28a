"""A layer of n-grams with few buckets."""

import numpy as np

from helpers.tiny import TOKENIZER
from keras_sentiment.models.ngrams import NgramEnsemble

SIZE, BUCKETS = TOKENIZER.vocabulary_size, 97


def layer(order=3, share=0.75, num_classes=2, size=SIZE, buckets=BUCKETS):
    """Random weights."""
    made = NgramEnsemble(size, order, buckets, share, l2=0.1)
    made.build((None, num_classes))
    for weight in (made.kernel, made.bias):
        weight.assign(np.random.default_rng(0).normal(size=weight.shape))
    return made
