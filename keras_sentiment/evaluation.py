"""Logits and labels -> the figures of merit that `evaluate` reports."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import metrics

from keras_sentiment.decision import Decision

ECE_BINS = 15
BOOTSTRAP_RESAMPLES = 1000


def evaluate_logits(logits: np.ndarray, labels: np.ndarray, decision: Decision) -> dict[str, Any]:
    """Returns how well logits fit labels, as JSON's types.

    Args:
        logits: float[reviews, num_classes].
        labels: int[reviews].
        decision: what makes probabilities and labels of the logits.

    Returns:
        `examples`, `accuracy`, `loss` (cross-entropy), `f1` (macro), `roc_auc` (one-vs-rest macro, null
        where the labels hold one class only), `ece`, `brier`, `confusion` (rows: true label, columns:
        predicted), `accuracy_ci95`, and `labels`, their names in order.
    """
    probabilities = decision.probabilities(logits)
    predicted = decision.choose(probabilities)
    classes = np.arange(len(decision.labels))
    accuracy = float(metrics.accuracy_score(labels, predicted))
    return {
        "labels": list(decision.labels),
        "examples": len(labels),
        "accuracy": accuracy,
        "accuracy_ci95": _accuracy_interval(accuracy, len(labels)),
        "loss": float(metrics.log_loss(labels, probabilities, labels=classes)),
        "f1": float(metrics.f1_score(labels, predicted, labels=classes, average="macro", zero_division=0)),
        "roc_auc": _roc_auc(labels, probabilities),
        "ece": expected_calibration_error(probabilities, labels),
        "brier": float(metrics.brier_score_loss(labels, probabilities, labels=classes)),
        "confusion": metrics.confusion_matrix(labels, predicted, labels=classes).tolist(),
    }


def expected_calibration_error(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Returns the mean gap between confidence and accuracy over equal-width bins of the largest probability.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3.
    """
    confidence = probabilities.max(axis=-1)
    correct = probabilities.argmax(axis=-1) == labels
    bins = np.minimum((confidence * ECE_BINS).astype("int64"), ECE_BINS - 1)
    gaps = np.bincount(bins, weights=correct - confidence, minlength=ECE_BINS)
    return float(np.abs(gaps).sum() / len(labels))


def _roc_auc(labels: np.ndarray, probabilities: np.ndarray) -> float | None:
    present = np.unique(labels)
    if len(present) < 2:
        return None
    # A class that no review has is neither found nor missed; the others' curves are averaged.
    scores = [metrics.roc_auc_score(labels == label, probabilities[:, label]) for label in present]
    return float(np.mean(scores))


def _accuracy_interval(accuracy: float, examples: int) -> list[float]:
    """A 95% percentile bootstrap: the correct ones of a resample follow a binomial distribution."""
    resamples = np.random.default_rng(0).binomial(examples, accuracy, BOOTSTRAP_RESAMPLES) / examples
    return [float(bound) for bound in np.percentile(resamples, [2.5, 97.5])]
