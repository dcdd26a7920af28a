"""Random logits and labels."""

import itertools

import numpy as np

NAMES = ("anger", "fear", "joy", "love")


def case(classes, reviews=300):
    """Logits that are correlated with the labels, with errors."""
    rng = np.random.default_rng(classes)
    labels = rng.integers(0, classes, reviews)
    logits = rng.normal(size=(reviews, classes)) * 2 + np.eye(classes)[labels] * 1.5
    return logits, labels


def softmax(logits):
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def calibration_by_loop(scores, happened):
    """Root mean squared gap of bins of equal size, without the part that chance explains; at least 0.

    No two scores may be equal.
    """
    order, total = np.argsort(scores), 0.0
    for begin, end in itertools.pairwise(np.round(np.arange(16) * len(scores) / 15).astype(int)):
        gaps = (happened - scores)[order[begin:end]]
        total += len(gaps) / len(scores) * (gaps.mean() ** 2 - gaps.var(ddof=1) / len(gaps))
    return np.sqrt(max(total, 0))
