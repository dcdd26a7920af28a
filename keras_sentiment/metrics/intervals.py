"""What all intervals share: their level, the units that were drawn, and limits of a mean of figures.

Reviews of one group (an author, a film) are alike, so they tell less than as many independent ones. An
interval is the one for independent reviews, of the smaller number that tells as much: the number over the
design effect (Rao & Scott 1992; Korn & Graubard 1998).
"""

from __future__ import annotations

import numpy as np
from scipy.stats import norm, t

Interval = list[float] | None  # `[low, high]`, or that there is none
Estimate = tuple[float, Interval]
TAIL = 0.025  # on each side of a 95% interval
ONE_GROUP = "all texts are of one group"
Z = float(norm.ppf(1 - TAIL))


class Units:
    """What was drawn independently: the groups of reviews, or the reviews.

    Args:
        reviews: how many there are.
        groups: int[reviews], equal for reviews of one group; `None` where they are not known.

    Attributes:
        groups: how many groups there are, or `None`.
        count: number of units.
        of: int64[reviews], the unit of each review, from 0.
        grouped: whether a unit has several reviews.
    """

    def __init__(self, reviews: int, groups: np.ndarray | None = None) -> None:
        self.groups, self.of, self.count = None, np.arange(reviews), reviews
        if groups is not None:
            found, self.of = np.unique(groups, return_inverse=True)
            self.groups = self.count = len(found)
        self.grouped = self.count < reviews

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Returns float64[units], the sum of float[reviews] over each unit."""
        return np.bincount(self.of, values, self.count)

    def variance(self, influence: np.ndarray) -> float:
        """Returns the variance of a figure, of float[reviews], the influence of each; their sum is 0."""
        return float((self.sums(influence) ** 2).sum() * self.count / max(self.count - 1, 1))

    def effect(self, influence: np.ndarray, unseen: float = 0.0) -> float:
        """Returns by how many times fewer independent reviews would tell as much of a figure, at least 1.

        Student's quantile is in it, so that limits may be made with the normal one.

        Args:
            influence: float[reviews], of each review on the figure; their sum is 0.
            unseen: the square of one review's, which is added as if the reviews of a group were wholly alike:
                where hardly any review has an influence, nobody sees how alike they are.
        """
        alone = float((influence**2).sum()) + unseen
        if not self.grouped or not alone:
            return 1.0
        alike = unseen * float((self.sums(np.ones(len(self.of))) ** 2).sum()) / len(self.of)
        return max(1.0, (self.variance(influence) + alike) / alone) * float(student(self.count) / Z) ** 2


def student(count: np.ndarray | int) -> np.ndarray:
    """Returns the quantile of Student's distribution for means of so many units, two or more."""
    return np.asarray(t.ppf(1 - TAIL, np.maximum(np.asarray(count) - 1, 1)))


def mean_limits(
    figures: np.ndarray, low: np.ndarray, high: np.ndarray, inflation: float, bias: float = 0.0
) -> list[float]:
    """Returns limits of the mean of figures, of the limits of each (MOVER: Zou & Donner 2008).

    Args:
        figures: float[labels].
        low: float[labels], lower limits.
        high: float[labels], upper limits.
        inflation: variance of the mean, over what it would be if the figures were independent.
        bias: how far the mean of the figures lies from what it estimates, on average.
    """
    mean, number = float(figures.mean()), len(figures)
    below = np.sqrt(inflation * ((figures - low) ** 2).sum()) / number
    above = np.sqrt(inflation * ((high - figures) ** 2).sum()) / number
    return within(mean, mean - bias - below, mean - bias + above)


def within(figure: float, low: float, high: float, least: float = 0.0, most: float = 1.0) -> list[float]:
    """Returns `[low, high]` cut to what is possible, and never so that they exclude the figure."""
    return [float(min(max(low, least), figure)), float(max(min(high, most), figure))]
