"""NB-SVM: a logistic regression on features of texts, scaled by log-count ratios."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import optimize, sparse

from keras_sentiment.data.chunks import token_ranges
from keras_sentiment.errors import InputError

# Of a linear model, 4 bytes each: 134 MB. The default's million n-grams have as many for 31 labels.
MAX_WEIGHTS = 2**25
# Weights that are fitted at once, and the bytes of memory for each.
_BLOCK, _BYTES = 2**22, 300
_SWEEPS = 2  # over the blocks of labels, where there are several
_CHUNK = 2**20  # features, and logits, that are in memory at once
_TOLERANCE, _BLOCK_TOLERANCE = 1e-6, 1e-5  # of the loss, from one step to the next
_MAX_STEPS = 100
_REMEMBERED = 5  # steps of L-BFGS, each of which takes two vectors as large as the weights

Floats = npt.NDArray[np.floating[Any]]


class Batch(NamedTuple):
    """The features of some texts.

    Args:
        features: int[features], of one text after another; those of a text are distinct.
        lengths: int[texts], the number of features of each text.
        targets: int[texts], labels; or float[texts, num_classes], probabilities.
    """

    features: npt.NDArray[np.integer[Any]]
    lengths: npt.NDArray[np.integer[Any]]
    targets: npt.NDArray[Any]


class LinearModel(NamedTuple):
    """The weights that the features of a text add to its logits; features that are not listed add nothing.

    Args:
        features: int64[kept], in increasing order.
        weights: float32[kept, num_classes].
        bias: float32[num_classes].
        occurring: how many features occur in the texts.
    """

    features: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    occurring: int


def fit_nbsvm(
    batches: Iterable[Batch],
    num_classes: int,
    l2: float,
    class_weight: Mapping[int, float] | None = None,
    folder: Path | None = None,
    max_weights: int = MAX_WEIGHTS,
) -> LinearModel:
    """Fits a logistic regression on log-count ratios.

    Each feature of a text counts once, and its weight is multiplied by its log-count ratio of each label
    against the others (Wang & Manning 2012, "Baselines and Bigrams: Simple, Good Sentiment and Topic
    Classification", section 2). The features are on disk, four bytes each, and L-BFGS reads them some dozens
    of times. The loss is multinomial. If the weights are too many to be fitted at once, those of some labels
    are fitted at a time while the others are fixed (block coordinate descent), so that memory does not grow
    with the number of labels (`memory_needed`).

    Args:
        batches: texts of at least two labels.
        num_classes: int, the number of labels.
        l2: float > 0, penalty on half the squared weights, relative to the summed loss of the texts.
        class_weight: weight of each label's loss, by the most probable label of a text; 1 by default.
        folder: of the temporary file of features; the system's folder by default.
        max_weights: int, of the model. If the features need more, the most frequent ones are kept.

    Raises:
        InputError: the features can't be written.
    """
    lengths: list[npt.NDArray[np.integer[Any]]] = [np.zeros(1, np.int64)]
    targets: list[npt.NDArray[Any]] = []
    try:
        with TemporaryFile(dir=folder) as file:
            for batch in batches:
                file.write(np.asarray(batch.features, np.int32).tobytes())
                lengths.append(batch.lengths)
                targets.append(batch.targets)
            file.flush()
            offsets = np.cumsum(np.concatenate(lengths))
            features = np.memmap(file, np.int32, "r+")
            most = max(max_weights // num_classes, 1)
            kept, occurring = _compact(features, offsets, most)
            regression = _Regression(
                features, offsets, len(kept), np.concatenate(targets), num_classes, l2, class_weight
            )
            return LinearModel(kept, *regression.solve(), occurring)
    except OSError as error:
        where = folder or "the folder for temporary files"
        raise InputError(f"{where}: the n-grams can't be written ({error.strerror or error})") from error


def _compact(
    features: npt.NDArray[np.int32], offsets: npt.NDArray[np.int64], most: int
) -> tuple[npt.NDArray[np.int64], int]:
    """Keeps the most frequent features, in place, and replaces each by its position among them.

    Args:
        offsets: int64[texts + 1], where each text begins; changed in place too.

    Returns:
        int64[kept], the features in increasing order; and how many features occur.
    """
    ranges = list(token_ranges(offsets, _CHUNK))
    texts = np.zeros(int(features.max()) + 1, np.int64)  # that hold each
    for first, end in ranges:
        texts += np.bincount(features[offsets[first] : offsets[end]], minlength=len(texts))
    kept = np.flatnonzero(texts)
    occurring = len(kept)
    if occurring > most:
        kept = np.sort(kept[np.argsort(-texts[kept], kind="stable")[:most]])
    position = np.full(len(texts), -1, np.int32)
    position[kept] = np.arange(len(kept))
    done, begin = 0, 0
    for first, end in ranges:
        positions = position[features[begin : offsets[end]]]
        bounds = offsets[first : end + 1] - begin
        begin = offsets[end]
        stays = positions >= 0
        before = np.concatenate([[0], np.cumsum(stays)])
        features[done : done + before[-1]] = positions[stays]
        offsets[first + 1 : end + 1] = done + before[bounds[1:]]
        done += before[-1]
    return kept, occurring


def most_weights(features: int, num_classes: int) -> int:
    """Returns the largest number of weights of a model with at most so many features."""
    return min(features, max(MAX_WEIGHTS // num_classes, 1)) * num_classes


def memory_needed(weights: int) -> int:
    """Returns the bytes of memory that `fit_nbsvm` may need for so many weights, without the texts."""
    return _BYTES * min(weights, _BLOCK) + 3 * 4 * weights + 100 * _CHUNK


class _Regression:
    """The penalised loss of a logistic regression on log-count ratios, and its minimum.

    Args:
        columns: int32[…], the features of the texts, each below `width`.
        offsets: int64[texts + 1], where each text begins.
        targets: as of `Batch`.
    """

    def __init__(
        self,
        columns: npt.NDArray[np.int32],
        offsets: npt.NDArray[np.int64],
        width: int,
        targets: npt.NDArray[Any],
        num_classes: int,
        l2: float,
        class_weight: Mapping[int, float] | None,
    ) -> None:
        self.columns, self.offsets, self.width = columns, offsets, width
        self.targets, self.num_classes, self.l2 = targets, num_classes, l2
        labels = targets if targets.ndim == 1 else targets.argmax(axis=1)
        of_label = [(class_weight or {}).get(label, 1.0) for label in range(num_classes)]
        self.text_weights = np.array(of_label)[labels, None]  # [texts, 1]

    def _chunks(self, labels: slice) -> Iterator[tuple[Any, slice]]:
        """Yields the features of some texts as a sparse matrix of ones, and the slice of these texts."""
        most = max(_CHUNK // (labels.stop - labels.start), 1)
        for first, end in token_ranges(self.offsets, _CHUNK):
            for start in range(first, end, most):
                stop = min(start + most, end)
                begin = self.offsets[start]
                columns = self.columns[begin : self.offsets[stop]]
                rows = (self.offsets[start : stop + 1] - begin).astype(np.int32)
                shape = (stop - start, self.width)
                yield sparse.csr_matrix((np.ones(len(columns)), columns, rows), shape), slice(start, stop)

    def _targets(self, labels: slice, part: slice) -> Floats:
        """Returns float[texts, labels], the probabilities of some labels."""
        if self.targets.ndim == 2:
            return self.targets[part, labels]
        return (self.targets[part, None] == np.arange(labels.start, labels.stop)).astype(np.float64)

    def ratios(self, labels: slice) -> Floats:
        """Returns float64[width, labels], the log-count ratios of each label against all others."""
        counts = np.ones((self.width, labels.stop - labels.start))
        held = np.zeros(self.width)
        for matrix, part in self._chunks(labels):
            counts += matrix.T @ self._targets(labels, part)
            held += matrix.sum(axis=0).A1
        others = (held + self.num_classes)[:, None] - counts
        return np.log((counts / counts.sum(axis=0)) / (others / others.sum(axis=0)))

    def loss(self, flat: Floats, labels: slice, ratios: Floats, others: Floats) -> tuple[float, Floats]:
        """Returns the loss, and its gradient, of the weights of some labels.

        Args:
            flat: float64[(width + 1) * labels], the bias last.
            others: float[texts, 1], log-sum-exp of the logits of the other labels; -inf if there are none.
        """
        weights = flat.reshape(self.width + 1, -1)
        scaled, bias = ratios * weights[:-1], weights[-1]
        loss = self.l2 / 2 * float(np.vdot(weights[:-1], weights[:-1]))
        gradient = np.zeros_like(weights)
        alone = labels == slice(0, self.num_classes)
        for matrix, part in self._chunks(labels):
            logits = matrix @ scaled + bias
            top = np.maximum(logits.max(axis=1, keepdims=True), others[part])
            logits -= top
            rest = others[part] - top
            total = np.log(np.exp(logits).sum(axis=1, keepdims=True) + np.exp(rest))
            logits -= total
            targets = self._targets(labels, part)
            weight = self.text_weights[part]
            loss -= float((weight * targets * logits).sum())
            if not alone:
                left = 1 - targets.sum(axis=1, keepdims=True)
                loss -= float((weight * left * (rest - total)).sum())
            wrong = weight * (np.exp(logits) - targets)
            gradient[:-1] += matrix.T @ wrong
            gradient[-1] += wrong.sum(axis=0)
        gradient[:-1] *= ratios
        gradient[:-1] += self.l2 * weights[:-1]
        return loss, gradient.ravel()

    def solve(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Returns the weights and the bias of `LinearModel`."""
        step = min(max(_BLOCK // (self.width + 1), 1), self.num_classes)
        starts = range(0, self.num_classes, step)
        blocks = [slice(start, min(start + step, self.num_classes)) for start in starts]
        weights = np.zeros((self.width + 1, self.num_classes), np.float32)  # the bias last
        # The log-sum-exp of the logits of each block, for each text.
        sums = np.empty((len(self.offsets) - 1, len(blocks)), np.float32)
        sweeps, tolerance = 1, _TOLERANCE
        if len(blocks) > 1:
            sweeps, tolerance = _SWEEPS, _BLOCK_TOLERANCE
            weights[-1] = self._log_priors()
            for place, labels in enumerate(blocks):
                sums[:, place] = np.logaddexp.reduce(weights[-1, labels])
        for sweep in range(sweeps):
            for place, labels in enumerate(blocks):
                ratios = self.ratios(labels)
                others = np.logaddexp.reduce(np.delete(sums, place, axis=1), axis=1, dtype=np.float64)
                found = self._solve(weights[:, labels], tolerance, labels, ratios, others[:, None])
                sums[:, place] = self._sums(labels, ratios * found[:-1], found[-1])
                if sweep == sweeps - 1:
                    found[:-1] *= ratios
                weights[:, labels] = found
        return weights[:-1], weights[-1]

    def _log_priors(self) -> Floats:
        """Returns float64[num_classes], the logarithms of the shares of the labels."""
        if self.targets.ndim == 1:
            counts = np.bincount(self.targets, self.text_weights[:, 0], self.num_classes)
        else:
            counts = (self.text_weights * self.targets).sum(axis=0)
        return np.log((counts + 1) / (counts + 1).sum())

    def _solve(self, start: Floats, tolerance: float, *arguments: Any) -> Floats:
        """Returns float64[width + 1, labels], the minimum of `loss` with these arguments."""
        solved = optimize.minimize(
            self.loss,
            start.astype(np.float64).ravel(),
            arguments,
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": _MAX_STEPS, "maxcor": _REMEMBERED, "ftol": tolerance, "gtol": 0.0},
        )
        return solved.x.reshape(start.shape)

    def _sums(self, labels: slice, scaled: Floats, bias: Floats) -> Floats:
        """Returns float[texts], the log-sum-exp of the logits of some labels."""
        sums = [np.logaddexp.reduce(matrix @ scaled + bias, axis=1) for matrix, _ in self._chunks(labels)]
        return np.concatenate(sums)
