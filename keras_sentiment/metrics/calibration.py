"""What makes probabilities of a trained model's logits: a temperature, and the weight of its n-grams.

numpy and scipy only.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

# A temperature outside would say more about the reviews that it was fitted on than about the model.
TEMPERATURES = (0.2, 10.0)
# The prior of the temperature's logarithm is normal around 0. Of trained networks one half to two is usual.
PRIOR_SD = 0.5
# More of them lie near 1: the logits of a network that has learned few texts by heart are the larger ones.
NGRAM_WEIGHTS = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]


class Temperature(NamedTuple):
    """A temperature, and why it is 1 where none was fitted.

    Args:
        value: float within `TEMPERATURES`.
        reason: empty where it was fitted.
        loss: float, the penalized loss at the best one, for a choice between several logits.
    """

    value: float
    reason: str
    loss: float


def fit_temperature(logits: Floats, labels: Ints, groups: Ints | None = None) -> Temperature:
    """Returns the temperature by which logits should be divided, drawn to 1 as far as it is uncertain.

    The cross-entropy of `logits / temperature` (Guo et al. 2017, "On Calibration of Modern Neural Networks",
    section 4.2) is minimized under a prior on the temperature's logarithm. What is found is then shrunk by
    its standard error, as an estimate by James and Stein is (Efron & Morris 1973, "Stein's Estimation Rule
    and Its Competitors", positive part): on few texts, or the texts of few groups, much of it is chance.

    Args:
        logits: float[reviews, num_classes].
        labels: int[reviews].
        groups: int[reviews], equal where reviews are no independent draws; by default each is one.
    """
    logits = np.asarray(logits, "float64")
    if len(np.unique(labels)) < 2:
        return Temperature(1.0, "the validation reviews have one label only", math.inf)
    rows = np.arange(len(labels))

    def penalized(log_temperature: float) -> float:
        losses = -log_softmax(logits * math.exp(-log_temperature), axis=1)[rows, labels]
        return float(losses.sum()) + log_temperature**2 / (2 * PRIOR_SD**2)

    bounds = (math.log(TEMPERATURES[0]), math.log(TEMPERATURES[1]))
    found = minimize_scalar(penalized, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    # The slope of a review's loss in the temperature's logarithm, and its variance as the model has it.
    scaled = logits * math.exp(-found.x)
    probabilities = softmax(scaled, axis=1)
    means = (probabilities * scaled).sum(axis=1)
    information = float((probabilities * (scaled - means[:, None]) ** 2).sum()) + 1 / PRIOR_SD**2
    variance = design_effect(scaled[rows, labels] - means, groups, labels) / information
    if found.x**2 <= variance:
        return Temperature(1.0, "the best temperature differs from 1 by no more than chance", found.fun)
    return Temperature(math.exp(found.x * (1 - variance / found.x**2)), "", found.fun)


def design_effect(values: Floats, groups: Ints | None, labels: Ints) -> float:
    """Returns by how much groups of like texts raise the variance of a sum (Kish 1965), 1 at the least.

    Where each group has one label, the labels are strata from which groups are drawn: what sets one label
    apart from another is no likeness of groups then.

    Args:
        values: float[reviews], what each adds to the sum.
        groups, labels: int[reviews].
    """
    if groups is None:
        return 1.0
    group, label = (np.unique(each, return_inverse=True)[1] for each in (groups, labels))
    pairs = len(np.unique(group * (int(label.max(initial=0)) + 1) + label))
    if pairs > group.max(initial=0) + 1:
        label = np.zeros_like(label)
    means = np.bincount(label, weights=values) / np.maximum(np.bincount(label), 1)
    values = values - means[label]
    alone = float(np.vdot(values, values))
    together = np.bincount(group, weights=values)
    return max(1.0, float(np.vdot(together, together)) / alone) if alone else 1.0


def choose_ngram_weight(
    deep: Floats, linear: Floats, labels: Ints, groups: Ints | None = None
) -> tuple[float, Temperature]:
    """Returns the weight of n-grams beside a deep model with the least loss, and the temperature for it.

    Args:
        deep, linear: float[reviews, num_classes], logits of reviews that trained neither of them.
        labels: int[reviews].
        groups: as `fit_temperature`.

    Returns:
        One of `NGRAM_WEIGHTS`, of several that are equally good the nearest to one half.
    """
    nearest = sorted(NGRAM_WEIGHTS, key=lambda weight: abs(weight - 0.5))
    fitted = {w: fit_temperature((1 - w) * deep + w * linear, labels, groups) for w in nearest}
    best = min(fitted, key=lambda weight: fitted[weight].loss)
    return best, fitted[best]
