"""NB-SVM: a linear model of what texts hold, fitted on log-count ratios."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import optimize, sparse

from keras_sentiment.data.chunks import token_ranges
from keras_sentiment.errors import InputError

_CHUNK = 2**20  # features that are in memory at once
_TOLERANCE = 1e-6  # of the loss, from one step to the next
_MAX_STEPS = 100
_REMEMBERED = 5  # steps of L-BFGS, each of which takes two vectors as large as the weights

Floats = npt.NDArray[np.floating[Any]]


class Batch(NamedTuple):
    """What some texts hold.

    Args:
        features: int[features], different ones in each text, one text after another.
        lengths: int[texts], how many each holds.
        targets: float[texts, num_classes], probabilities.
    """

    features: npt.NDArray[np.integer[Any]]
    lengths: npt.NDArray[np.integer[Any]]
    targets: Floats


def fit_nbsvm(
    batches: Iterable[Batch],
    size: int,
    l2: float,
    class_weight: Mapping[int, float] | None = None,
    folder: Path | None = None,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Fits a logistic regression on log-count ratios.

    What a text holds counts once, and the weight that is trained for it is multiplied by its log-count
    ratio (Wang & Manning 2012, "Baselines and Bigrams: Simple, Good Sentiment and Topic Classification",
    section 2). The features lie on disk, four bytes each, while L-BFGS reads them some dozen times; the
    weights and what it remembers take some 300 bytes for each feature that occurs and each label.

    Args:
        batches: texts of two labels or more.
        size: above every feature.
        l2: float > 0, the penalty on half the squares of the weights, beside the sum of the texts' losses.
        class_weight: of the loss of texts of each label, their most probable; 1 by default.
        folder: for the file of features, which has no name; the system's for temporary files by default.

    Returns:
        float32[size, num_classes], what a feature adds to the logits: 0 of those that no text holds; and
        float32[num_classes], what the logits begin with.

    Raises:
        InputError: the features can't be written.
    """
    lengths: list[npt.NDArray[np.integer[Any]]] = [np.zeros(1, np.int64)]
    targets: list[Floats] = []
    try:
        with TemporaryFile(dir=folder) as file:
            for batch in batches:
                file.write(np.asarray(batch.features, np.int32).tobytes())
                lengths.append(batch.lengths)
                targets.append(batch.targets)
            file.flush()
            offsets = np.cumsum(np.concatenate(lengths))
            features = np.memmap(file, np.int32, "r")
            return _Regression(features, offsets, np.concatenate(targets), l2, class_weight).solve(size)
    except OSError as error:
        where = folder or "the folder for temporary files"
        raise InputError(f"{where}: the n-grams can't be written ({error.strerror or error})") from error


class _Regression:
    """The penalized loss of a logistic regression on log-count ratios, and where it is least."""

    def __init__(
        self,
        features: npt.NDArray[np.int32],
        offsets: npt.NDArray[np.int64],
        targets: Floats,
        l2: float,
        class_weight: Mapping[int, float] | None,
    ) -> None:
        self.features, self.offsets, self.targets, self.l2 = features, offsets, targets, l2
        self.num_classes = targets.shape[1]
        of_label = [(class_weight or {}).get(label, 1.0) for label in range(self.num_classes)]
        self.text_weights = np.array(of_label)[targets.argmax(axis=1), None]  # [texts, 1]
        # Weights are kept of what occurs alone: of a small corpus a small part.
        occurs = np.zeros(int(features.max()) + 1, bool)
        for first, end in token_ranges(offsets, _CHUNK):
            occurs[features[offsets[first] : offsets[end]]] = True
        self.kept = np.flatnonzero(occurs)
        self.columns = np.cumsum(occurs, dtype=np.int32) - 1
        self.ratios = self._ratios()

    def _ratios(self) -> Floats:
        counts = np.ones((len(self.kept), self.num_classes))
        for matrix, part in self._chunks():
            counts += matrix.T @ self.targets[part]
        others = counts.sum(axis=1, keepdims=True) - counts
        return np.log((counts / counts.sum(axis=0)) / (others / others.sum(axis=0)))

    def _chunks(self) -> Iterable[tuple[Any, slice]]:
        """Yields which of some texts hold what, a sparse matrix of ones, and which texts."""
        for first, end in token_ranges(self.offsets, _CHUNK):
            begin = self.offsets[first]
            columns = self.columns[self.features[begin : self.offsets[end]]]
            rows = (self.offsets[first : end + 1] - begin).astype(np.int32)
            shape = (end - first, len(self.kept))
            yield sparse.csr_matrix((np.ones(len(columns)), columns, rows), shape=shape), slice(first, end)

    def loss(self, flat: Floats) -> tuple[float, Floats]:
        """Returns the loss, and its gradient, of weights float64[(kept + 1) * num_classes], the bias last."""
        weights = flat.reshape(-1, self.num_classes)
        scaled, bias = self.ratios * weights[:-1], weights[-1]
        loss = self.l2 / 2 * float(np.vdot(weights[:-1], weights[:-1]))
        gradient = np.zeros_like(weights)
        for matrix, part in self._chunks():
            logits = matrix @ scaled + bias
            logits -= logits.max(axis=1, keepdims=True)
            log_probabilities = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
            loss -= float((self.text_weights[part] * self.targets[part] * log_probabilities).sum())
            wrong = self.text_weights[part] * (np.exp(log_probabilities) - self.targets[part])
            gradient[:-1] += matrix.T @ wrong
            gradient[-1] += wrong.sum(axis=0)
        gradient[:-1] *= self.ratios
        gradient[:-1] += self.l2 * weights[:-1]
        return loss, gradient.ravel()

    def solve(self, size: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Returns what `fit_nbsvm` does."""
        solved = optimize.minimize(
            self.loss,
            np.zeros((len(self.kept) + 1) * self.num_classes),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": _MAX_STEPS, "maxcor": _REMEMBERED, "ftol": _TOLERANCE, "gtol": 0.0},
        )
        weights = solved.x.reshape(-1, self.num_classes)
        kernel = np.zeros((size, self.num_classes), np.float32)
        kernel[self.kept] = self.ratios * weights[:-1]
        return kernel, weights[-1].astype(np.float32)
