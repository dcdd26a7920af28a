"""Shares of reviews, such as accuracy, and their intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import beta

from keras_sentiment.metrics.intervals import TAIL, Interval, Units, Z, student


@dataclass(frozen=True)
class Shares:
    """Shares of several sets of reviews, and their 95% intervals.

    Attributes:
        total: int64[sets], reviews of each.
        share: float64[sets], NaN where a set is empty.
        low: float64[sets], NaN where there is no interval: the set is empty, or of one group.
        high: float64[sets], likewise.
        size: float64[sets], how many independent reviews would tell as much.
    """

    total: np.ndarray
    share: np.ndarray
    low: np.ndarray
    high: np.ndarray
    size: np.ndarray

    def interval(self, number: int = 0) -> Interval:
        """Returns `[low, high]` of one set."""
        low, high = float(self.low[number]), float(self.high[number])
        return None if np.isnan(low) else [low, high]


def shares(hits: np.ndarray, sets: np.ndarray, number: int, units: np.ndarray, grouped: bool) -> Shares:
    """Returns the share of hits in each set of rows, with Clopper and Pearson's interval (1934).

    It holds the truth in at least 95% of draws, of few rows and where nearly all are hits too. With groups
    it is Korn and Graubard's (1998).

    Args:
        hits: bool[rows].
        sets: int[rows], the set of each row, from 0.
        number: of sets.
        units: int[rows], the group of each row, from 0.
        grouped: whether a group may have several rows of a set.
    """
    hits = hits.astype("float64")
    total = np.bincount(sets, minlength=number)
    share = np.divide(np.bincount(sets, hits, number), total, out=np.full(number, np.nan), where=total > 0)
    size, known = total.astype("float64"), total > 0
    if grouped:
        deviation = hits - share[sets]
        pairs, pair = np.unique(sets * (units.max(initial=0) + 1) + units, return_inverse=True)
        of = np.empty(len(pairs), "int64")
        of[pair] = sets
        count = np.bincount(of, minlength=number)
        together = (
            np.bincount(of, np.bincount(pair, deviation) ** 2, number) * count / np.maximum(count - 1, 1)
        )
        # As `unseen` of Units.effect: of few misses nobody sees how alike the rows of a group are.
        alike = np.bincount(of, np.bincount(pair).astype("float64") ** 2, number) / np.maximum(total, 1)
        effect = (together + alike) / (np.bincount(sets, deviation**2, number) + 1)
        size = size / np.maximum(effect, 1) * (Z / student(count)) ** 2
        known = count > 1
    part = np.nan_to_num(share) * size
    low = np.where(part > 0, beta.ppf(TAIL, np.maximum(part, 1e-9), size - part + 1), 0.0)
    high = np.where(part < size, beta.ppf(1 - TAIL, part + 1, np.maximum(size - part, 1e-9)), 1.0)
    low, high = np.minimum(low, share), np.maximum(high, share)
    return Shares(total, share, np.where(known, low, np.nan), np.where(known, high, np.nan), size)


def share(hits: np.ndarray, units: Units) -> Shares:
    """Returns the share of hits among all reviews: one set.

    Args:
        hits: bool[reviews].
        units: of the reviews.
    """
    return shares(hits, np.zeros(len(hits), "int64"), 1, units.of, units.grouped)
