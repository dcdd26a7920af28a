"""A threshold between two labels, chosen on labelled texts so that it keeps what it promises.

numpy, scipy and scikit-learn only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import beta, binom
from sklearn.metrics import precision_recall_curve

from keras_sentiment.errors import InputError
from keras_sentiment.metrics.calibration import design_effect

MAX_ERROR = 0.05  # chance that a threshold is given whose precision is lower than asked for
_STEP = 1.1  # from the texts of one threshold that is tested to those of the next
# Below such a chance of passing no threshold is tested: what passes by luck would often be wrong.
_LEAST_POWER = 0.2
_WANTED_POWER = 0.9
_LEAST_GROUPS = 10  # with fewer, how alike their texts are can't be told


@dataclass(frozen=True)
class Threshold:
    """A threshold on the probability of a label, and what was found with it where it was chosen.

    Args:
        value: float in (0, 1); the label is given to texts whose probability is as large or larger.
        chosen: int, texts that get the label.
        right: int, how many of them have it.
        present: int, texts that have it.
        design_effect: float >= 1, by which groups of like texts lessen these numbers in an interval.
    """

    value: float
    chosen: int
    right: int
    present: int
    design_effect: float = 1.0

    @property
    def precision(self) -> float:
        return self.right / self.chosen

    @property
    def recall(self) -> float:
        return self.right / self.present

    @property
    def precision_ci95(self) -> list[float]:
        """Clopper and Pearson's 95% interval."""
        return clopper_pearson(self.right / self.design_effect, self.chosen / self.design_effect)

    @property
    def recall_ci95(self) -> list[float]:
        """Clopper and Pearson's 95% interval."""
        return clopper_pearson(self.right / self.design_effect, self.present / self.design_effect)


def clopper_pearson(hits: float, total: float) -> list[float]:
    """Returns the 95% interval of a share, which holds it in at least so many draws (1934).

    Numbers that a design effect has divided need not be whole (Korn and Graubard 1998).
    """
    low = float(beta.ppf(0.025, hits, total - hits + 1)) if hits else 0.0
    high = float(beta.ppf(0.975, hits + 1, total - hits)) if hits < total else 1.0
    return [low, high]


def best_f1(
    scores: npt.NDArray[np.floating],
    positive: npt.NDArray[np.bool_],
    groups: npt.NDArray[np.integer] | None = None,
) -> Threshold:
    """Returns the threshold with the largest F1; of several the largest.

    Args:
        scores: float[texts], the probability of the label.
        positive: bool[texts], whether a text has it.
        groups: int[texts], equal where texts are no independent draws; by default each is one.

    Raises:
        InputError: no text has the label, or no two probabilities can be told apart.
    """
    if not positive.any():
        raise InputError("no validation text has the label; a threshold can't be chosen")
    precision, recall, found = precision_recall_curve(positive, scores)
    precision, recall = precision[:-1], recall[:-1]  # the last point stands for no threshold
    below = np.concatenate([[0.0], found[:-1]])
    thresholds = (below + found) / 2
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    f1 = np.where((below < thresholds) & (thresholds < found) & (thresholds < 1), f1, -1)
    if f1.max() < 0:
        raise InputError("the probabilities of the validation texts can't be told apart")
    threshold = float(thresholds[len(f1) - 1 - f1[::-1].argmax()])
    return _found(threshold, scores, positive, _design_effect(scores, positive, groups))


def with_precision(
    scores: npt.NDArray[np.floating],
    positive: npt.NDArray[np.bool_],
    least: float,
    groups: npt.NDArray[np.integer] | None = None,
) -> Threshold:
    """Returns a threshold whose precision on new texts is at least that much, in 95% of draws.

    Thresholds are tested one after another, from a strict one down, each by the binomial test that belongs to
    Clopper and Pearson's one-sided bound, until one fails (fixed-sequence testing: Angelopoulos et al. 2021,
    "Learn then Test: Calibrating Predictive Algorithms to Achieve Risk Control", section 4.2). The best of
    many thresholds would keep no such promise. Which comes first is chosen from the probabilities, without
    the labels: the one that is most likely to pass, as of the strictest too few texts are left for a test.
    A threshold lies half-way between two probabilities that occur, so that another backend's rounding
    moves no text across it. Of texts in groups all numbers are divided by the design effect.

    Args:
        scores: float[texts], the probability of the label.
        positive: bool[texts], whether a text has it.
        least: float in (0, 1).
        groups: as `best_f1`.

    Raises:
        InputError: none passes; it says how many labelled texts would be needed.
    """
    if not positive.any():
        raise InputError("no validation text has the label; a threshold can't be chosen")
    if groups is not None and (count := len(np.unique(groups))) < _LEAST_GROUPS:
        raise InputError(
            f"the validation texts are of {count} groups, too few to show a precision; prepare texts of "
            f"more, {_LEAST_GROUPS} of them in validation"
        )
    order = np.argsort(-scores, kind="stable")
    ordered, right = scores[order], np.cumsum(positive[order])
    expected = np.cumsum(ordered) / np.arange(1, len(ordered) + 1)  # precision, as the model has it
    effect = _design_effect(scores, positive, groups)
    counts = _counts(ordered, least, effect)
    if len(counts):
        independent = np.floor(counts / effect)
        needed = binom.isf(MAX_ERROR, independent, least) + 1
        power = binom.sf(needed - 1, independent, expected[counts - 1])
        first, passed = int(power.argmax()), 0
        if power[first] >= _LEAST_POWER:
            for count, least_right in zip(counts[first:], needed[first:], strict=True):
                if right[count - 1] / effect < least_right:
                    break
                passed = int(count)
        if passed:
            following = ordered[passed] if passed < len(ordered) else 0.0
            return _found(float(ordered[passed - 1] + following) / 2, scores, positive, effect)
    raise InputError(_refusal(expected, int(positive.sum()), least, effect))


def _design_effect(
    scores: npt.NDArray[np.floating],
    positive: npt.NDArray[np.bool_],
    groups: npt.NDArray[np.integer] | None,
) -> float:
    """Returns by how much groups raise the variance of what a probability errs by."""
    return design_effect(positive - scores, groups, positive.astype(np.int64))


def _counts(ordered: npt.NDArray[np.floating], least: float, effect: float) -> npt.NDArray[np.int64]:
    """Returns how many texts each threshold that is tested gives the label, from the strictest on."""
    counts, count = [], math.ceil(effect * math.log(MAX_ERROR) / math.log(least))
    # Between probabilities that are equal, or next to it, there is no threshold.
    following = np.append(ordered[1:], 0.0)
    halfway = (ordered + following) / 2
    ends = np.flatnonzero((following < halfway) & (halfway < ordered)) + 1
    while len(ends) and count <= ends[-1]:
        end = int(ends[np.searchsorted(ends, count)])
        counts.append(end)
        count = max(end + 1, math.ceil(end * _STEP))
    return np.array(counts, np.int64)


def _refusal(expected: npt.NDArray[np.floating], present: int, least: float, effect: float) -> str:
    """Returns why no threshold passes, and how many texts would be needed.

    Args:
        expected: float[texts], the precision that the probabilities promise to so many of the first texts.
    """
    texts = len(expected)
    told = f"no threshold is shown to have precision {least:g} by the {texts:,} validation texts, "
    told += f"{present:,} of them with the label"
    sizes = np.unique(np.geomspace(1, texts, 60).astype(int))
    wanted = [
        math.ceil(effect * needed * texts / size)
        for size in sizes.tolist()
        if (needed := _texts_to_show(float(expected[size - 1]), least)) is not None
    ]
    if not wanted:
        return told + "; the model is nowhere so sure: ask for less"
    return told + f"; about {max(min(wanted), texts + 1):,} labelled validation texts would be needed"


def _texts_to_show(precision: float, least: float) -> int | None:
    """Returns how many texts with the label it takes to show that it is right that often, if it can be."""
    if precision <= least:
        return None
    counts = np.unique(np.geomspace(1, 1e6, 400).astype(int))
    needed = binom.isf(MAX_ERROR, counts, least) + 1
    passes = binom.sf(needed - 1, counts, min(precision, 1.0)) >= _WANTED_POWER
    return int(counts[passes.argmax()]) if passes.any() else None


def _found(
    threshold: float, scores: npt.NDArray[np.floating], positive: npt.NDArray[np.bool_], effect: float
) -> Threshold:
    given = scores >= threshold
    right = int((given & positive).sum())
    return Threshold(threshold, int(given.sum()), right, int(positive.sum()), effect)
