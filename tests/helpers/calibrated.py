"""Logits with a known calibration, and their loss."""

import numpy as np
from scipy.special import log_softmax

from keras_sentiment.decision import Decision


def loss(logits, labels, temperature):
    return -log_softmax(logits / temperature, axis=1)[np.arange(len(labels)), labels].mean()


def drawn(temperature, classes=2, reviews=20_000, seed=0):
    """Logits, and labels sampled from their probabilities at a temperature."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(reviews, classes)) * 3
    p = Decision([str(c) for c in range(classes)], temperature).probabilities(logits)
    return logits, (p.cumsum(axis=1) < rng.random((reviews, 1))).sum(axis=1)
