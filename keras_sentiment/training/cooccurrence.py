"""Token vectors from counts of neighbouring tokens, which need no labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

from keras_sentiment.data.chunks import token_ranges
from keras_sentiment.data.encoded_split import Split

_WINDOW = 8  # tokens to either side
_SMOOTHING = 0.75  # exponent of the counts of neighbours, which lowers the scores of rare tokens
_SPREAD = 0.1  # standard deviation of the numbers in all vectors
_CHUNK_TOKENS = 2**20


def token_vectors(
    splits: Sequence[Split], vocabulary_size: int, dim: int, seed: int
) -> npt.NDArray[np.float32]:
    """Factorises how much more often tokens are neighbours than by chance.

    Positive pointwise mutual information, its largest singular values, their square roots as weights
    (Levy et al. 2015, "Improving Distributional Similarity with Lessons Learned from Word Embeddings",
    section 3): the matrix that word2vec factorises, without its training.

    Returns:
        float32[vocabulary_size, dim]. Tokens that do not occur share the mean vector.
    """
    near = _counts(splits, vocabulary_size)
    total = np.asarray(near.sum(axis=1)).ravel()
    chance = total**_SMOOTHING / max((total**_SMOOTHING).sum(), 1.0)
    row = np.repeat(np.arange(vocabulary_size), np.diff(near.indptr))
    near.data = np.maximum(np.log(near.data / (total[row] * chance[near.indices])), 0).astype("float32")
    near.eliminate_zeros()
    vectors = np.zeros((vocabulary_size, dim), np.float32)
    if near.nnz:
        left, weights, _ = randomized_svd(near, min(dim, vocabulary_size), n_iter=3, random_state=seed)
        vectors[:, : len(weights)] = left * np.sqrt(weights)
        vectors -= vectors.mean(axis=0)
        vectors *= _SPREAD / max(vectors.std(), 1e-9)
    return vectors


def _counts(splits: Sequence[Split], vocabulary_size: int) -> Any:
    """Returns a sparse matrix of how often tokens are neighbours; nearer ones count more."""
    shape = (vocabulary_size, vocabulary_size)
    counts = sparse.csr_matrix(shape, dtype=np.float32)
    for split in splits:
        for first, end in token_ranges(split.offsets, _CHUNK_TOKENS):
            counts = counts + _chunk_counts(split, first, end, shape)
    return (counts + counts.T).tocsr()


def _chunk_counts(split: Split, first: int, end: int, shape: tuple[int, int]) -> Any:
    ids = np.asarray(split.ids[split.offsets[first] : split.offsets[end]], np.int32)
    text = np.repeat(np.arange(end - first, dtype=np.int32), split.lengths[first:end])
    left, right, weights = [], [], []
    for distance in range(1, _WINDOW + 1):
        same = text[distance:] == text[:-distance]
        left.append(ids[:-distance][same])
        right.append(ids[distance:][same])
        weights.append(np.full(len(left[-1]), 1 - (distance - 1) / _WINDOW, np.float32))
    pairs = np.concatenate(left), np.concatenate(right)
    return sparse.coo_matrix((np.concatenate(weights), pairs), shape=shape).tocsr()
