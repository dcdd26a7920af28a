"""NB-SVM: a linear model of what texts hold, fitted on log-count ratios."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize, sparse

from keras_sentiment.encoded import spans
from keras_sentiment.errors import InputError

_CHUNK = 2**20  # features that are in memory at once
_TOLERANCE = 1e-6  # of the loss, from one step to the next
_MOST_STEPS = 100
_REMEMBERED = 5  # steps of L-BFGS: each takes two vectors as large as the weights

Floats = npt.NDArray[np.float64]


def fit_nbsvm(
    texts: Iterable[tuple[npt.NDArray[np.integer[Any]], npt.NDArray[np.floating[Any]]]],
    size: int,
    l2: float,
    class_weight: Mapping[int, float] | None = None,
    folder: Path | None = None,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Fits a logistic regression on log-count ratios.

    What a text holds counts once, and the weight that is trained for it is multiplied by its log-count
    ratio (Wang & Manning 2012, "Baselines and Bigrams: Simple, Good Sentiment and Topic Classification",
    section 2).
    The features lie on disk, four bytes each, while L-BFGS reads them some dozen times.

    Args:
        texts: of each the features that it holds, different integers in [0, size), and its probabilities,
            float[num_classes].
        size: how many features there are.
        l2: float > 0, the penalty on half the squares of the weights, beside the sum of the texts' losses.
        class_weight: of the loss of texts of each label, their most probable; 1 by default.
        folder: for the file of features, which has no name; the system's for temporary files by default.

    Returns:
        float32[size, num_classes], what a feature adds to the logits: 0 of those that no text holds; and
        float32[num_classes], what the logits begin with.

    Raises:
        InputError: the features can't be written.
    """
    with TemporaryFile(dir=folder) as file:
        lengths, targets = [0], []
        try:
            for features, target in texts:
                file.write(np.asarray(features, np.int32).tobytes())
                lengths.append(len(features))
                targets.append(target)
            file.flush()
        except OSError as error:
            where = folder or "the folder for temporary files"
            raise InputError(f"{where}: the n-grams can't be written ({error.strerror})") from error
        found = np.memmap(file, np.int32, "r")
        problem = _Problem(found, np.cumsum(lengths), np.array(targets, np.float64), size, l2, class_weight)
        kernel, bias = problem.solve()
    return kernel.astype(np.float32), bias.astype(np.float32)


class _Problem:
    """The penalized loss of a logistic regression, and its gradient, over features on disk."""

    def __init__(
        self,
        found: npt.NDArray[np.int32],
        offsets: npt.NDArray[np.int64],
        targets: Floats,
        size: int,
        l2: float,
        class_weight: Mapping[int, float] | None,
    ) -> None:
        self.found, self.offsets, self.targets, self.l2, self.size = found, offsets, targets, l2, size
        likely = targets.argmax(axis=1).tolist()
        self.text_weights = np.array([[(class_weight or {}).get(label, 1.0)] for label in likely])
        # Floats are kept of what occurs alone: of a small corpus a small part.
        occurs = np.zeros(size, bool)
        for first, end in spans(offsets, _CHUNK):
            occurs[found[offsets[first] : offsets[end]]] = True
        self.kept = np.flatnonzero(occurs)
        self.places = np.cumsum(occurs, dtype=np.int32) - 1
        self.ratios = self._ratios()

    def _ratios(self) -> Floats:
        counts = np.ones((len(self.kept), self.targets.shape[1]))
        for first, end in spans(self.offsets, _CHUNK):
            counts += self._holding(first, end).T @ self.targets[first:end]
        others = counts.sum(axis=1, keepdims=True) - counts
        ratios: Floats = np.log((counts / counts.sum(axis=0)) / (others / others.sum(axis=0)))
        return ratios

    def _holding(self, first: int, end: int) -> Any:
        """Returns which of the texts from `first` to `end` hold what: a sparse matrix of ones."""
        begin = self.offsets[first]
        columns = self.places[self.found[begin : self.offsets[end]]]
        rows = (self.offsets[first : end + 1] - begin).astype(np.int32)
        shape = (end - first, len(self.kept))
        return sparse.csr_matrix((np.ones(len(columns)), columns, rows), shape=shape)

    def loss(self, flat: Floats) -> tuple[float, Floats]:
        """Returns the loss, and its gradient, of weights float64[(kept + 1) * num_classes], the bias last."""
        weights = flat.reshape(-1, self.targets.shape[1])
        scaled = self.ratios * weights[:-1]
        loss = self.l2 / 2 * float(np.vdot(weights[:-1], weights[:-1]))
        slope, bias_slope = np.zeros_like(scaled), np.zeros_like(weights[-1])
        for first, end in spans(self.offsets, _CHUNK):
            holding, targets = self._holding(first, end), self.targets[first:end]
            logits = holding @ scaled + weights[-1]
            logits -= logits.max(axis=1, keepdims=True)
            log_probabilities = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
            loss -= float((self.text_weights[first:end] * targets * log_probabilities).sum())
            wrong = self.text_weights[first:end] * (np.exp(log_probabilities) - targets)
            slope += holding.T @ wrong
            bias_slope += wrong.sum(axis=0)
        gradient = np.concatenate([self.ratios * slope + self.l2 * weights[:-1], bias_slope[None]])
        return loss, gradient.ravel()

    def solve(self) -> tuple[Floats, Floats]:
        """Returns float64[size, num_classes] and float64[num_classes]."""
        num_classes = self.targets.shape[1]
        solved = optimize.minimize(
            self.loss,
            np.zeros((len(self.kept) + 1) * num_classes),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": _MOST_STEPS, "maxcor": _REMEMBERED, "ftol": _TOLERANCE, "gtol": 0.0},
        )
        weights = solved.x.reshape(-1, num_classes)
        kernel = np.zeros((self.size, num_classes))
        kernel[self.kept] = self.ratios * weights[:-1]
        return kernel, weights[-1]
