"""What is fitted to a trained model's logits on the validation split: a temperature, a threshold.

numpy, scipy and scikit-learn only.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.metrics import log_loss, precision_recall_curve

from keras_sentiment.config import least_precision
from keras_sentiment.decision import Decision
from keras_sentiment.errors import InputError

# A temperature outside would say more about the reviews that it was fitted on than about the model.
TEMPERATURES = (0.2, 10.0)
MIN_REVIEWS = 50


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Returns the temperature with the least cross-entropy of `logits / temperature`.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2.

    Args:
        logits: float[reviews, num_classes].
        labels: int[reviews].

    Returns:
        A number within `TEMPERATURES`; 1.0 where none can be fitted: of fewer than `MIN_REVIEWS`
        reviews or a single label, of logits that are not finite, and where no review is labelled wrongly,
        since any confidence would suit those.
    """
    logits = np.asarray(logits, "float64")
    wrong = logits.argmax(axis=-1) != labels
    if len(labels) < MIN_REVIEWS or len(np.unique(labels)) < 2 or not wrong.any():
        return 1.0
    if not np.isfinite(logits).all():
        return 1.0
    names = [str(label) for label in range(logits.shape[1])]

    def loss(log_temperature: float) -> float:
        probabilities = Decision(names, math.exp(log_temperature)).probabilities(logits)
        return float(log_loss(labels, probabilities, labels=np.arange(len(names))))

    bounds = (math.log(TEMPERATURES[0]), math.log(TEMPERATURES[1]))
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    return math.exp(found.x) if found.fun < loss(0.0) else 1.0


def choose_threshold(probabilities: np.ndarray, labels: np.ndarray, aim: str) -> float:
    """Returns the threshold on the probability of `labels[1]` that reaches an aim best.

    It lies half-way between two probabilities that occur, so that another backend's rounding moves no
    review across it.

    Args:
        probabilities: float[reviews, 2].
        labels: int[reviews].
        aim: `"f1"`, the largest F1 of `labels[1]`; or `"precision=P"`, its largest recall among
            thresholds with at least that precision.

    Raises:
        InputError: no threshold reaches it.
    """
    scores = probabilities[:, 1]
    precision, recall, found = precision_recall_curve(labels == 1, scores)
    precision, recall = precision[:-1], recall[:-1]  # the last point stands for no threshold
    below = np.concatenate([[0.0], found[:-1]])
    thresholds = (below + found) / 2
    least = least_precision(aim)
    merit = recall if least is not None else 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    reached = (recall > 0) & (precision >= (least or 0)) & (below < thresholds) & (thresholds < 1)
    if not reached.any():
        best = f"; the largest there is {precision[recall > 0].max():.4f}" if (recall > 0).any() else ""
        raise InputError(f"no threshold has {aim} on the validation reviews{best}")
    # Of equals the last: the largest, which has the most precision.
    merit = np.where(reached, merit, -1)
    return float(thresholds[len(merit) - 1 - merit[::-1].argmax()])
