"""Logits and labels -> the figures of merit that `evaluate` reports."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import binomtest
from sklearn import metrics

from keras_sentiment.decision import Decision
from keras_sentiment.metrics.intervals import LEVEL, RESAMPLES, bootstrap, calibration_gaps, share_interval

LENGTHS = (64, 128, 256, 512)  # in tokens, specials counted: where one bucket ends


def evaluate_logits(logits: np.ndarray, labels: np.ndarray, decision: Decision) -> dict[str, Any]:
    """Returns how well logits fit labels, as JSON's types.

    Args:
        logits: float[reviews, num_classes].
        labels: int[reviews].
        decision: what makes probabilities and labels of the logits.

    Returns:
        `labels`, their names in order; `examples`, `accuracy`, `loss` (cross-entropy), `f1` (macro),
        `f1_per_class`, `roc_auc` (one-vs-rest macro, null where the labels hold one class only), `ece`,
        `brier`, `confusion` (rows: true label, columns: predicted); `intervals`, 95% of each of them, a
        class's F1 under `f1_` and its name, and the first again as `accuracy_ci95`; and
        `before_calibration`, what the temperature changes, without it.
    """
    probabilities = decision.probabilities(logits)
    predicted = decision.choose(probabilities)
    classes = np.arange(len(decision.labels))
    intervals = bootstrap(labels, probabilities, predicted, decision.labels)
    f1 = metrics.f1_score(labels, predicted, labels=classes, average=None, zero_division=0)
    return {
        "labels": list(decision.labels),
        "examples": len(labels),
        "accuracy": float(metrics.accuracy_score(labels, predicted)),
        "accuracy_ci95": intervals["accuracy"],
        "f1": float(f1.mean()),
        "f1_per_class": dict(zip(decision.labels, f1.tolist(), strict=True)),
        "roc_auc": _roc_auc(labels, probabilities),
        **_calibration(labels, probabilities),
        "intervals": intervals,
        "before_calibration": _calibration(labels, Decision(decision.labels).probabilities(logits)),
        "temperature": decision.temperature,
        "threshold": decision.threshold,
        "confusion": metrics.confusion_matrix(labels, predicted, labels=classes).tolist(),
    }


def expected_calibration_error(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Returns the mean gap between confidence and accuracy over equal-width bins of the largest one."""
    return float(np.abs(calibration_gaps(labels, probabilities).sum(axis=0)).sum() / len(labels))


def accuracy_by_length(lengths: np.ndarray, correct: np.ndarray) -> list[dict[str, Any]]:
    """Returns the accuracy of short and long reviews, with 95% intervals.

    Args:
        lengths: int[reviews], tokens of each, specials counted and nothing cut.
        correct: bool[reviews].

    Returns:
        `{"from", "to", "reviews", "accuracy", "accuracy_ci95"}` for each range of lengths that some review
        has, both ends counted; the last has no end.
    """
    rows = []
    for low, high in zip((1, *(end + 1 for end in LENGTHS)), (*LENGTHS, None), strict=True):
        inside = (lengths >= low) & (lengths <= (high or np.inf))
        total, right = int(inside.sum()), int(correct[inside].sum())
        if total:
            interval = share_interval(right, total)
            rows.append(
                {
                    "from": low,
                    "to": high,
                    "reviews": total,
                    "accuracy": right / total,
                    "accuracy_ci95": interval,
                }
            )
    return rows


def compare(ours: np.ndarray, theirs: np.ndarray) -> dict[str, Any]:
    """Returns how much more often one model is right than another, on the same reviews.

    Args:
        ours: bool[reviews], which the one labels rightly.
        theirs: bool[reviews], which the other does.

    Returns:
        `accuracy` of the other; `difference`, ours less theirs, and its paired bootstrap interval
        `difference_ci95`; `only_ours_right` and `only_theirs_right`, counts; and `p_value`, McNemar's exact
        test of whether these two differ by chance (McNemar 1947; it is binomial).
    """
    won, lost = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    total = len(ours)
    # Whole pairs are drawn: how many of each kind a resample holds follows a multinomial distribution.
    shares = np.array([won, lost, total - won - lost]) / total
    drawn = np.random.default_rng(0).multinomial(total, shares, RESAMPLES)
    interval = np.percentile((drawn[:, 0] - drawn[:, 1]) / total, LEVEL)
    return {
        "accuracy": float(theirs.mean()),
        "difference": (won - lost) / total,
        "difference_ci95": [float(bound) for bound in interval],
        "only_ours_right": won,
        "only_theirs_right": lost,
        "p_value": float(binomtest(won, won + lost).pvalue) if won + lost else 1.0,
    }


def _calibration(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    classes = np.arange(probabilities.shape[1])
    return {
        "loss": float(metrics.log_loss(labels, probabilities, labels=classes)),
        "ece": expected_calibration_error(probabilities, labels),
        "brier": float(metrics.brier_score_loss(labels, probabilities, labels=classes)),
    }


def _roc_auc(labels: np.ndarray, probabilities: np.ndarray) -> float | None:
    present = np.unique(labels)
    if len(present) < 2:
        return None
    # A class that no review has is neither found nor missed; the others' curves are averaged.
    scores = [metrics.roc_auc_score(labels == label, probabilities[:, label]) for label in present]
    return float(np.mean(scores))
