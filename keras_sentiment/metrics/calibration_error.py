"""How far probabilities lie from how often they come true.

The plain calibration error of a calibrated model is the noise of its bins, not 0, so that no interval around
it holds the truth. Here the noise is taken away: Kumar, Liang & Ma 2019, "Verified Uncertainty Calibration".
"""

from __future__ import annotations

import numpy as np
from scipy.stats import chi2

from keras_sentiment.metrics.intervals import TAIL, Estimate, Units, Z, student, within

BINS = 15
BIN_SIZE = 20  # reviews in a bin, at least


def bin_count(reviews: int) -> int:
    """Returns how many bins so many reviews are put into; 0 where they are too few."""
    return min(BINS, reviews // BIN_SIZE)


def equal_mass_bins(scores: np.ndarray, number: int | None = None) -> np.ndarray:
    """Returns the bin of each review, so that each holds as many; equal scores are in one bin.

    Args:
        scores: float[reviews].
        number: of bins; by default `bin_count` of the reviews, or one.

    Returns:
        int64[reviews], from 0.
    """
    _, place, sizes = np.unique(scores, return_inverse=True, return_counts=True)
    middle = np.cumsum(sizes) - sizes / 2
    return (middle * (number or max(1, bin_count(len(scores)))) / len(scores)).astype("int64")[place]


def calibration_error(labels: np.ndarray, probabilities: np.ndarray, units: Units) -> Estimate:
    """Returns the debiased calibration error of the more probable label.

    Args:
        labels: int[reviews], at least `BIN_SIZE`.
        probabilities: float64[reviews, num_classes].
        units: of the reviews.
    """
    confidence = probabilities.max(axis=1)
    gaps = SquaredGap(probabilities.argmax(axis=1) == labels, confidence, units)
    return _root(gaps.square, gaps.noise, gaps.variance, gaps.largest, units)


def classwise_calibration_error(labels: np.ndarray, probabilities: np.ndarray, units: Units) -> Estimate:
    """Returns the debiased calibration error of every label's probability: the root of the mean of squares.

    Class-wise: Kull et al. 2019, "Beyond temperature scaling". Arguments as of `calibration_error`.
    """
    number = probabilities.shape[1]
    columns = range(number) if number > 2 else [1]  # of two labels one's gaps are the other's
    gaps = [SquaredGap(labels == c, probabilities[:, c], units) for c in columns]
    if number == 2:
        return _root(gaps[0].square, gaps[0].noise, gaps[0].variance, gaps[0].largest, units)
    square, noise = (float(np.mean([getattr(each, name) for each in gaps])) for name in ("square", "noise"))
    residuals = np.stack([units.sums((labels == c) - probabilities[:, c]) for c in columns], axis=1)
    length = np.sqrt((residuals**2).sum(axis=0))
    alike = residuals.T @ residuals / np.maximum(np.outer(length, length), 1e-300)
    deviation = np.sqrt([each.variance for each in gaps])
    variance = float(deviation @ alike**2 @ deviation) / number**2
    # The probabilities of a review sum to 1, so what one label's gap lacks the others' have.
    largest = max(each.largest for each in gaps) / (number - 1)
    return _root(square, noise, variance, largest, units)


class SquaredGap:
    """The squared gaps of bins, their noise taken away, and how far that may be off.

    Attributes:
        square: float, may be negative.
        noise: float, the mean of the squared gaps were there none in truth.
        variance: float, of `square` likewise.
        largest: float, the largest variance of a weighted gap in any direction.
    """

    def __init__(self, happened: np.ndarray, scores: np.ndarray, units: Units) -> None:
        bins, residual = equal_mass_bins(scores), happened - scores
        count = int(bins.max()) + 1
        size = np.bincount(bins, minlength=count)
        safe = np.maximum(size, 1)
        gap = np.bincount(bins, residual, count) / safe
        inner = (residual - gap[bins]) / safe[bins]
        if units.grouped:
            sums = np.bincount(units.of * count + bins, inner, units.count * count).reshape(-1, count)
            members = np.bincount(units.of * count + bins, minlength=units.count * count).reshape(-1, count)
            many = (members > 0).sum(axis=0)
            sums *= np.sqrt(many / np.maximum(many - 1, 1))
            covariance = sums.T @ sums
        else:
            many = size
            covariance = np.diag(np.bincount(bins, inner**2, count) * safe / np.maximum(safe - 1, 1))
        # Of one unit the noise can't be told from the gap.
        noise = np.where(many > 1, np.diag(covariance), gap**2)
        weight = size / len(bins)
        self.square = float((weight * (gap**2 - noise)).sum())
        # Where all in a bin are right, they vary less than they would on other draws: at least as much as the
        # probabilities say, and as if one unit more were wrong.
        least = np.bincount(bins, scores * (1 - scores), count) / safe
        least = np.maximum(least, 1 / (units.count + 2)) / safe
        covariance[np.diag_indices(count)] = np.maximum(np.diag(covariance), least)
        covariance *= np.sqrt(np.outer(weight, weight))
        self.noise = float(np.trace(covariance))
        self.variance = 2 * float((covariance**2).sum())
        self.largest = float(np.linalg.eigvalsh(covariance)[-1])


def _root(square: float, noise: float, variance: float, largest: float, units: Units) -> Estimate:
    """Returns the error, and all errors of which a test at 5% does not say that this one is too far away.

    The squares of a calibrated model are about a multiple of a chi-square variable, so that the normal
    quantile would be too small for the lower limit.
    """
    found = max(square, 0.0)
    figure = float(np.sqrt(found))
    if units.count < 2:
        return figure, None
    freedom = max(2 * noise**2 / max(variance, 1e-300), 1.0)
    skewed = float(chi2.ppf(1 - TAIL, freedom) - freedom) / np.sqrt(2 * freedom)
    wider = float(student(units.count)) / Z if units.grouped else 1.0
    limits = []
    for z, side in ((skewed * wider, -1), (Z * wider, 1)):
        middle = found + 2 * z**2 * largest
        limits.append(middle + side * np.sqrt(max(middle**2 - found**2 + z**2 * variance, 0.0)))
    low, high = np.sqrt(np.maximum(limits, 0))
    return figure, within(figure, low, high)
