"""Random logits and labels."""

import numpy as np

NAMES = ("anger", "fear", "joy", "love")


def case(classes, reviews=300):
    """Logits that know something of the labels, and are wrong often enough."""
    rng = np.random.default_rng(classes)
    labels = rng.integers(0, classes, reviews)
    logits = rng.normal(size=(reviews, classes)) * 2 + np.eye(classes)[labels] * 1.5
    return logits, labels


def softmax(logits):
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def ece_by_loop(p, labels):
    confidence, gaps = p.max(axis=1), 0.0
    for low in np.arange(15) / 15:
        inside = (confidence >= low) & ((confidence < low + 1 / 15) | (low == 14 / 15))
        if inside.any():
            right = (p.argmax(axis=1) == labels)[inside].mean()
            gaps += inside.mean() * abs(right - confidence[inside].mean())
    return gaps
