"""Area under the ROC curve: how often a review of a label scores more for it than one of another label."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from keras_sentiment.metrics.intervals import Estimate, Units, Z, within


def roc_auc(labels: np.ndarray, probabilities: np.ndarray, units: Units) -> Estimate:
    """Returns the area under the ROC curve, one label against the rest, and its 95% interval.

    Of two labels it is that of one; of more the mean over the labels that occur. The interval of a label is
    Newcombe's method 5 (2006, "Confidence intervals for an effect size measure based on the Mann-Whitney
    statistic", part 2), which has a width where the area is 1 too.

    There is none where all reviews are of one group.

    Args:
        labels: int[reviews], two or more of them different.
        probabilities: float64[reviews, num_classes].
        units: of the reviews.
    """
    present = np.unique(labels) if probabilities.shape[1] > 2 else np.array([1])
    areas, effects, positives, apart = (np.zeros(len(present)) for _ in range(4))
    together = np.zeros(len(labels))
    for number, label in enumerate(present):
        positive = labels == label
        areas[number], influence = _area(positive, probabilities[:, label])
        together += influence
        apart[number] = units.variance(influence)
        effects[number] = units.effect(influence)
        positives[number] = positive.sum()
    if units.count < 2:
        return float(areas.mean()), None
    # Where no area varies, as if all moved together.
    inflation = units.variance(together) / apart.sum() if apart.any() else len(present)
    mean = float(areas.mean())
    return mean, _interval(mean, positives / effects, (len(labels) - positives) / effects, inflation)


def _area(positive: np.ndarray, scores: np.ndarray) -> tuple[float, np.ndarray]:
    """Returns the area, and each review's influence on it, float64[reviews] (DeLong et al. 1988).

    Equal scores count one half.
    """
    order = np.argsort(scores, kind="stable")
    ordered, first = scores[order], positive[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    ends = np.concatenate([starts[1:], [len(ordered)]])
    below = np.concatenate([[0], np.cumsum(first)])  # positives among so many of the lowest
    size = ends - starts
    midway = np.repeat((below[starts] + below[ends]) / 2, size)
    rank = np.repeat((starts + ends) / 2, size)
    total = below[-1]
    # Of a positive the share of negatives below it, of a negative that of positives above it.
    won = np.where(first, (rank - midway) / (len(scores) - total), (total - midway) / total)
    area = float(won[first].mean())
    influence = np.empty(len(scores))
    influence[order] = (won - area) / np.where(first, total, len(scores) - total)
    return area, influence


def _interval(mean: float, positives: np.ndarray, negatives: np.ndarray, inflation: float) -> list[float]:
    """Returns the areas from which the mean found is 1.96 standard errors away.

    Args:
        mean: of the areas.
        positives: float[labels], reviews of each label.
        negatives: float[labels], the others.
        inflation: variance of the mean, over what it would be if the areas were independent.
    """
    pairs, middle = positives * negatives, np.maximum((positives + negatives) / 2 - 1, 0)

    def near(area: float) -> float:
        spread = 1 + middle * ((1 - area) / (2 - area) + area / (1 + area))
        variance = inflation * area * (1 - area) * float((spread / pairs).mean()) / len(pairs)
        return Z**2 * variance - (mean - area) ** 2

    # At 0 and at 1 nothing varies, so the search begins beside them.
    low = brentq(near, 0, min(mean, 1 - 1e-12)) if mean > 0 else 0.0
    high = brentq(near, max(mean, 1e-12), 1) if mean < 1 else 1.0
    return within(mean, low, high)
