"""Precision, recall and F1 of labels, their mean, and the intervals."""

from __future__ import annotations

import numpy as np

from keras_sentiment.metrics.intervals import ONE_GROUP, Interval, Units, mean_limits
from keras_sentiment.metrics.shares import Shares, shares

# F1 of few reviews is too small on average. That shrinks with their number only, while the spread of a mean
# shrinks with the number of labels too. So the usual label must have a review for so many labels.
LABELS_PER_REVIEW = 20


class LabelShares:
    """Precision, recall and F1 of each label.

    Args:
        labels: int[reviews].
        predicted: int[reviews].
        number: of labels.
        units: of the reviews.

    Attributes:
        precision: of the reviews predicted so, those that are.
        recall: of the reviews that are so, those predicted so.
        f1: 2q / (1 + q), where q is the share of reviews that are both, of those that are either; given how
            many are either, the number of both is binomial.
        there: bool[labels], which labels occur or are predicted.
    """

    def __init__(self, labels: np.ndarray, predicted: np.ndarray, number: int, units: Units) -> None:
        right, wrong = labels == predicted, np.flatnonzero(labels != predicted)
        self.precision = shares(right, predicted, number, units.of, units.grouped)
        self.recall = shares(right, labels, number, units.of, units.grouped)
        # A review stands in the set of its label, and in that of its prediction where this is another.
        self._reviews = np.concatenate([np.arange(len(labels)), wrong])
        self._sets = np.concatenate([labels, predicted[wrong]])
        self._hits, self._units = right[self._reviews], units
        self._q = q = shares(self._hits, self._sets, number, units.of[self._reviews], units.grouped)
        share, low, high = (2 * limit / (1 + limit) for limit in (q.share, q.low, q.high))
        self.f1 = Shares(q.total, share, low, high, q.size)
        self.there = q.total > 0

    def mean_f1(self) -> float:
        """Returns the mean over the labels that occur or are predicted."""
        return float(self.f1.share[self.there].mean())

    def mean_f1_interval(self) -> tuple[Interval, str | None]:
        """Returns the 95% interval of the mean, or `None` and why there is none."""
        q, f1, there, units = self._q, self.f1, self.there, self._units
        number = int(there.sum())
        usual = float(np.median(q.total[there]))
        if usual * LABELS_PER_REVIEW < number:
            return None, f"{number} labels, half of them with {usual:g} texts or fewer: too few for so many"
        if units.count < 2 and units.grouped:
            return None, ONE_GROUP
        slope = 2 / (1 + q.share) ** 2 / np.maximum(q.total, 1)
        influence = slope[self._sets] * (self._hits - q.share[self._sets])
        together = units.variance(np.bincount(self._reviews, influence))
        _, pair = np.unique(units.of[self._reviews] * len(there) + self._sets, return_inverse=True)
        apart = (np.bincount(pair, influence) ** 2).sum() * units.count / max(units.count - 1, 1)
        # An error counts in two labels, so the variance of their sum is at most twice the sum of variances.
        inflation = together / apart if apart else min(2, number)
        # F1 is a concave function of q.
        curve = -2 / (1 + q.share) ** 3 * q.share * (1 - q.share) / np.maximum(q.size - 1, 1)
        bias = float(curve[there].mean())
        # Of a label whose texts are of one group nothing is known.
        low, high = np.nan_to_num(f1.low[there], nan=0.0), np.nan_to_num(f1.high[there], nan=1.0)
        return mean_limits(f1.share[there], low, high, inflation, bias), None
