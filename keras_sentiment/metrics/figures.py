"""Logits and labels -> the figures of merit that `evaluate` reports."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import betainc
from sklearn.metrics import confusion_matrix

from keras_sentiment.decision import Decision
from keras_sentiment.metrics.calibration_error import (
    BIN_SIZE,
    calibration_error,
    classwise_calibration_error,
)
from keras_sentiment.metrics.intervals import ONE_GROUP, Interval, Units, Z, within
from keras_sentiment.metrics.label_shares import LabelShares
from keras_sentiment.metrics.means import mean_intervals
from keras_sentiment.metrics.ranking import roc_auc
from keras_sentiment.metrics.shares import share, shares

LENGTHS = (64, 128, 256, 512)  # in tokens, specials counted: where one bucket ends


def evaluate_logits(
    logits: np.ndarray, labels: np.ndarray, decision: Decision, groups: np.ndarray | None = None
) -> dict[str, Any]:
    """Returns how well logits fit labels, as JSON's types.

    Args:
        logits: float[reviews, num_classes], one review or more.
        labels: int[reviews].
        decision: what makes probabilities and labels of the logits.
        groups: int[reviews], equal for reviews that belong together (an author's, a film's); the intervals
            treat each group as one draw. `None` where they are not known.

    Returns:
        `labels`, their names in order; `examples`; `groups`, how many there are, or null.
        `accuracy`; `precision_per_class`, `recall_per_class`, `f1_per_class` and `support`, of each label by
        name; `f1`, the mean over the labels that occur or are predicted; `labels_left_out`, how many do not.
        `roc_auc`, of two labels, or the mean of each against the others; `loss` (cross-entropy) and `brier`.
        `ece` and `class_ece`, debiased calibration errors: of the most probable label, and of all labels.
        `ordinal`: `mean_absolute_error` and `within_one`, where three or more labels are all numbers, else
        null. `confusion` (rows: true label, columns: predicted).
        `before_calibration`: what the temperature changes, without it; `temperature`, `threshold`.
        `intervals`: the 95% interval of each figure, a label's under `precision_`, `recall_` or `f1_` and
        its name. `absent`: why a figure is null, or an interval, under `interval of ` and the figure.

    Example:
        >>> found = evaluate_logits(np.array([[2.0, 0.0], [0.0, 1.0]]), np.array([0, 1]), Decision("ab"))
        >>> found["accuracy"], found["absent"]["ece"]
        (1.0, 'fewer than 20 texts')
    """
    units = Units(len(labels), groups)
    probabilities = decision.probabilities(logits)
    predicted = decision.choose(probabilities)
    classes = np.arange(len(decision.labels))
    found = _Found(decision.labels, units)
    accuracy = share(predicted == labels, units)
    found.put("accuracy", accuracy.share[0], accuracy.interval(), None)
    each = LabelShares(labels, predicted, len(classes), units)
    found.put_labels(each)
    found.put_roc_auc(labels, probabilities)
    found.put_calibration(labels, probabilities)
    found.put_means(labels, predicted, probabilities)
    uncalibrated = Decision(decision.labels).probabilities(logits)
    before = _Found(decision.labels, units)
    before.put_calibration(labels, uncalibrated)
    plain = {name: float(column.mean()) for name, column in _losses(labels, uncalibrated).items()}
    return {
        "labels": list(decision.labels),
        "examples": len(labels),
        "groups": units.groups,
        **found.figures,
        "support": dict(zip(decision.labels, each.recall.total.tolist(), strict=True)),
        "labels_left_out": int((~each.there).sum()),
        "intervals": found.intervals,
        "absent": found.absent,
        "before_calibration": plain | before.figures,
        "temperature": decision.temperature,
        "threshold": decision.threshold,
        "class_weight": None if decision.class_weight is None else list(decision.class_weight),
        "confusion": confusion_matrix(labels, predicted, labels=classes).tolist(),
    }


def accuracy_by_length(
    lengths: np.ndarray, correct: np.ndarray, groups: np.ndarray | None = None
) -> list[dict[str, Any]]:
    """Returns the accuracy of short and long reviews, with 95% intervals.

    Args:
        lengths: int[reviews], tokens of each, specials counted and nothing cut.
        correct: bool[reviews].
        groups: as of `evaluate_logits`.

    Returns:
        `{"from", "to", "reviews", "accuracy", "accuracy_ci95"}` for each range of lengths that some review
        has, both ends counted; the last has no end. The interval of reviews of one group is 0 to 1.
    """
    units = Units(len(lengths), groups)
    buckets = np.searchsorted(LENGTHS, lengths)
    found = shares(correct, buckets, len(LENGTHS) + 1, units.of, units.grouped)
    ends = zip((1, *(end + 1 for end in LENGTHS)), (*LENGTHS, None), strict=True)
    return [
        {
            "from": low,
            "to": high,
            "reviews": int(found.total[bucket]),
            "accuracy": float(found.share[bucket]),
            "accuracy_ci95": found.interval(bucket) or [0.0, 1.0],
        }
        for bucket, (low, high) in enumerate(ends)
        if found.total[bucket]
    ]


def compare(ours: np.ndarray, theirs: np.ndarray, groups: np.ndarray | None = None) -> dict[str, Any]:
    """Returns how much more often one model is right than another, on the same reviews.

    Args:
        ours: bool[reviews], which the one labels rightly.
        theirs: bool[reviews], which the other does.
        groups: as of `evaluate_logits`.

    Returns:
        `accuracy` of the other; `difference`, ours less theirs, and its paired 95% interval
        `difference_ci95` (Agresti & Min 2005: half a review is added to each of the four counts), null where
        all reviews are of one group; `only_ours_right` and `only_theirs_right`, counts; and `p_value`,
        McNemar's exact test of whether these two differ by chance (McNemar 1947; it is binomial), of the
        number of independent reviews that would tell as much.
    """
    units, gain = Units(len(ours), groups), ours.astype("float64") - theirs
    won, lost, total = int((gain > 0).sum()), int((gain < 0).sum()), len(ours)
    difference = (won - lost) / total
    effect = units.effect(gain - difference, unseen=1.0)
    size, fewer, more = total / effect + 2, min(won, lost) / effect, max(won, lost) / effect
    middle = (won - lost) / effect / size
    half = Z * math.sqrt(max((fewer + more + 1) / size - middle**2, 0) / size)
    interval = within(difference, middle - half, middle + half, least=-1.0)
    return {
        "accuracy": float(theirs.mean()),
        "difference": difference,
        "difference_ci95": interval if units.count > 1 or not units.grouped else None,
        "only_ours_right": won,
        "only_theirs_right": lost,
        # The tail of the binomial distribution, which betainc continues to counts that are no integers.
        "p_value": float(min(1.0, 2 * betainc(more, fewer + 1, 0.5))) if won + lost else 1.0,
    }


class _Found:
    """Figures, their intervals, and why one is absent.

    Args:
        names: of the labels.
        units: of the reviews.
    """

    def __init__(self, names: Sequence[str], units: Units) -> None:
        self.figures: dict[str, Any] = {}
        self.intervals: dict[str, Interval] = {}
        self.absent: dict[str, str] = {}
        self._names, self._units = names, units

    def put(self, name: str, figure: float | None, interval: Interval, reason: str | None) -> None:
        """Adds a figure; where it or its interval is null, with the reason."""
        self.figures[name] = None if figure is None else float(figure)
        self._put_interval(name, figure is None, interval, reason)

    def _put_interval(self, name: str, absent: bool, interval: Interval, reason: str | None) -> None:
        self.intervals[name] = interval
        if interval is None:
            self.absent[name if absent else f"interval of {name}"] = reason or ONE_GROUP

    def put_labels(self, each: LabelShares) -> None:
        """Adds precision, recall and F1 of each label, and the mean F1."""
        for kind, found, empty in (
            ("precision", each.precision, "no text is predicted as it"),
            ("recall", each.recall, "no text is labelled so"),
            ("f1", each.f1, "no text is labelled or predicted so"),
        ):
            values = {}
            for number, name in enumerate(self._names):
                absent = not found.total[number]
                values[name] = None if absent else float(found.share[number])
                reason = empty if absent else "its texts are of one group"
                self._put_interval(f"{kind}_{name}", absent, found.interval(number), reason)
            self.figures[f"{kind}_per_class"] = values
        self.put("f1", each.mean_f1(), *each.mean_f1_interval())

    def put_roc_auc(self, labels: np.ndarray, probabilities: np.ndarray) -> None:
        """Adds the area under the ROC curve."""
        if len(np.unique(labels)) < 2:
            self.put("roc_auc", None, None, "all texts have one label")
        else:
            self.put("roc_auc", *roc_auc(labels, probabilities, self._units), None)

    def put_calibration(self, labels: np.ndarray, probabilities: np.ndarray) -> None:
        """Adds the calibration errors."""
        for name, error in (("ece", calibration_error), ("class_ece", classwise_calibration_error)):
            if len(labels) < BIN_SIZE:
                self.put(name, None, None, f"fewer than {BIN_SIZE} texts")
            else:
                self.put(name, *error(labels, probabilities, self._units), None)

    def put_means(self, labels: np.ndarray, predicted: np.ndarray, probabilities: np.ndarray) -> None:
        """Adds log loss and Brier score, and for labels that are numbers the mean absolute error."""
        values, scale = _losses(labels, probabilities), _scale(self._names)
        most = [-math.log(np.finfo("float64").eps), 1 if len(self._names) == 2 else 2]
        if scale is not None:
            distance = np.abs(scale[predicted] - scale[labels])
            values["mean_absolute_error"] = distance
            most.append(float(np.ptp(scale)))
        columns = np.stack([*values.values()], axis=1)
        intervals, reason = mean_intervals(columns, np.array(most), predicted == labels, self._units)
        for name, mean, interval in zip(values, columns.mean(axis=0), intervals, strict=True):
            self.put(name, mean, interval, reason)
        ordinal = ("mean_absolute_error", "within_one")
        if scale is None:
            self.figures["ordinal"] = None
            self.intervals |= dict.fromkeys(ordinal)
            self.absent["ordinal"] = "the labels are not three or more numbers"
            return
        near = share(distance <= 1, self._units)
        self.put("within_one", near.share[0], near.interval(), None)
        self.figures["ordinal"] = {name: self.figures.pop(name) for name in ordinal}


def _losses(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, np.ndarray]:
    """Returns scikit-learn's cross-entropy and Brier score of each review, float64[reviews]."""
    own = probabilities[np.arange(len(labels)), labels]
    least = np.finfo("float64").eps  # certain and wrong is a finite loss
    squares = np.einsum("ij,ij->i", probabilities, probabilities) - 2 * own + 1
    # Over two classes Brier's score counts the probability of one of them.
    halves = 2 if probabilities.shape[1] == 2 else 1
    return {"loss": -np.log(np.clip(own, least, 1 - least)), "brier": np.maximum(squares, 0) / halves}


def _scale(names: Sequence[str]) -> np.ndarray | None:
    """Returns the labels as float64[num_classes], `None` where they are not three numbers or more."""
    try:
        values = np.array([float(name) for name in names])
    except ValueError:
        return None
    return values if len(values) > 2 and np.isfinite(values).all() else None
