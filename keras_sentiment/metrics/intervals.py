"""Intervals: how far the figures of a test set would move with another draw of its reviews.

A percentile bootstrap (Efron & Tibshirani 1993, "An Introduction to the Bootstrap", section 13.3).
scikit-learn takes half a minute for a thousand resamples of a few thousand reviews. Here every figure that is
a function of sums over reviews comes from one matrix product, and the curves from one sorting.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest

RESAMPLES = 1000
LEVEL = (2.5, 97.5)
ECE_BINS = 15
_CELLS = 500_000  # counts at a time, of resamples times reviews


def resampled_figures(
    labels: np.ndarray, probabilities: np.ndarray, predicted: np.ndarray, counts: np.ndarray
) -> dict[str, np.ndarray]:
    """Returns the figures of merit of resamples, each as scikit-learn defines it.

    Args:
        labels: int[reviews].
        probabilities: float64[reviews, num_classes].
        predicted: int[reviews].
        counts: float64[resamples, reviews], how often each resample holds each review.

    Returns:
        `accuracy`, `loss`, `brier`, `ece`, `f1`, `roc_auc`, float64[resamples] (NaN for the area under the
        curve where a resample has one label only), and `f1_per_class`, float64[num_classes, resamples].
    """
    classes = np.arange(probabilities.shape[1])
    size = counts.sum(axis=1)
    columns = [
        _losses(labels, probabilities),
        *_hits(labels, predicted, classes),
        calibration_gaps(labels, probabilities),
    ]
    sums = counts @ np.concatenate(columns, axis=1)
    loss, brier = sums[:, :2].T / size
    found, guessed, present = sums[:, 2:-ECE_BINS].T.reshape(3, len(classes), -1)
    f1 = 2 * found / np.maximum(guessed + present, 1)
    areas = np.stack([_areas(labels == label, probabilities[:, label], counts) for label in classes])
    known = (~np.isnan(areas)).sum(axis=0)
    return {
        "accuracy": found.sum(axis=0) / size,
        "f1": f1.mean(axis=0),
        "f1_per_class": f1,
        # A class that no review has is neither found nor missed; the others' areas are averaged.
        "roc_auc": np.nansum(areas, axis=0) / np.where(known, known, np.nan),
        "loss": loss,
        "brier": brier,
        "ece": np.abs(sums[:, -ECE_BINS:]).sum(axis=1) / size,
    }


def bootstrap(
    labels: np.ndarray, probabilities: np.ndarray, predicted: np.ndarray, names: Sequence[str]
) -> dict[str, list[float] | None]:
    """Returns the 95% interval `[low, high]` of each figure, the same at every call.

    Args:
        names: of the classes, whose F1 is `f1_` and the name.
    """
    rng = np.random.default_rng(0)
    chunks, rows = [], max(1, _CELLS // len(labels))
    for begin in range(0, RESAMPLES, rows):
        drawn = rng.integers(len(labels), size=(min(rows, RESAMPLES - begin), len(labels)))
        counts = np.stack([np.bincount(row, minlength=len(labels)) for row in drawn]).astype("float64")
        chunks.append(resampled_figures(labels, probabilities, predicted, counts))
    figures = {name: np.concatenate([chunk[name] for chunk in chunks], axis=-1) for name in chunks[0]}
    for name, row in zip(names, figures.pop("f1_per_class"), strict=True):
        figures[f"f1_{name}"] = row
    return {name: _interval(values) for name, values in figures.items()}


def calibration_gaps(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Returns correctness less confidence of each review, in the column of its bin.

    The bins have equal widths: Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3.

    Returns:
        float64[reviews, ECE_BINS].
    """
    confidence = probabilities.max(axis=1)
    gaps = np.zeros((len(labels), ECE_BINS))
    bins = np.minimum((confidence * ECE_BINS).astype("int64"), ECE_BINS - 1)
    gaps[np.arange(len(labels)), bins] = (probabilities.argmax(axis=1) == labels) - confidence
    return gaps


def share_interval(hits: int, total: int) -> list[float]:
    """Returns Wilson's 95% interval of a share, which suits a few reviews too (Wilson 1927)."""
    low, high = binomtest(hits, total).proportion_ci(method="wilson")
    return [float(low), float(high)]


def _interval(values: np.ndarray) -> list[float] | None:
    values = values[~np.isnan(values)]
    return [float(bound) for bound in np.percentile(values, LEVEL)] if len(values) else None


def _losses(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Cross-entropy and Brier score of each review, float64[reviews, 2]."""
    rows = np.arange(len(labels))
    least = np.finfo("float64").eps  # scikit-learn's: certain and wrong is a finite loss
    loss = -np.log(np.clip(probabilities[rows, labels], least, 1 - least))
    squares = ((probabilities - np.eye(probabilities.shape[1])[labels]) ** 2).sum(axis=1)
    # Over two classes Brier's score counts the probability of one of them.
    return np.stack([loss, squares / (2 if probabilities.shape[1] == 2 else 1)], axis=1)


def _hits(labels: np.ndarray, predicted: np.ndarray, classes: np.ndarray) -> list[np.ndarray]:
    """Whether each review is of each class and found, is put there, is of it; bool[reviews, num_classes]."""
    guessed, present = predicted[:, None] == classes, labels[:, None] == classes
    return [guessed & present, guessed, present]


def _areas(positive: np.ndarray, scores: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Area under the ROC curve of each resample: of pairs, the share in which the positive one scores more.

    Equal scores count one half (Mann & Whitney's U). NaN where a resample has no pair.
    """
    order = np.argsort(scores, kind="stable")
    higher, lower = order[positive[order]], order[~positive[order]]
    below = np.concatenate([np.zeros((len(counts), 1)), np.cumsum(counts[:, lower], axis=1)], axis=1)
    first, last = (np.searchsorted(scores[lower], scores[higher], side) for side in ("left", "right"))
    won = np.einsum("ij,ij->i", counts[:, higher], below[:, first] + below[:, last]) / 2
    pairs = counts[:, higher].sum(axis=1) * below[:, -1]
    return np.divide(won, pairs, out=np.full(len(counts), np.nan), where=pairs > 0)
