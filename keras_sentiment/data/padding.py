"""Padded batches of rows with similar lengths; NumPy only, because a server has no Keras."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_sentiment.config import SCORING_BATCH_TOKENS, InputConfig
from keras_sentiment.text.tokenizer import Tokenizer

# Padded lengths if each length needs a compilation. There are few of them.
COMPILED_LENGTHS = (32, 64, 96, 128, 160, 192, 224, 256, 320, 384, 448)
# Step between padded lengths if nothing is compiled. Of the `sample` source, 1% of the positions are padding;
# with COMPILED_LENGTHS it is 7%.
LENGTH_STEP = 8

Ids = npt.NDArray[np.integer[Any]]
# The inputs of a model: `{"token_ids", "padding_mask"}`, int32[batch, length] each.
Rows = dict[str, npt.NDArray[np.int32]]
# For each batch: the indices of its texts, int64[batch], and the length that they are padded to.
BatchPlan = list[tuple[npt.NDArray[np.int64], int]]


def bucket_lengths(inputs: InputConfig, few: bool) -> Sequence[int]:
    """Returns the lengths that rows are padded to, in ascending order.

    Args:
        inputs: the input configuration of the model.
        few: whether each length needs a compilation.
    """
    if inputs.pad_to != "longest":
        return (inputs.pad_to,)
    limit = inputs.sequence_length
    if few:
        return (*(length for length in COMPILED_LENGTHS if length < limit), limit)
    return (*range(LENGTH_STEP, limit, LENGTH_STEP), limit)


def row_lengths(tokens: npt.NDArray[np.int64], inputs: InputConfig) -> npt.NDArray[np.int64]:
    """Returns the length of each row with its special tokens, int64[texts].

    Args:
        tokens: int64[texts], number of tokens of each text without special tokens.
        inputs: the input configuration of the model.
    """
    return np.minimum(tokens + 2, inputs.sequence_length)


def scoring_rows(length: int) -> int:
    """Returns the batch size for scoring rows of a length."""
    return max(1, SCORING_BATCH_TOKENS // length)


def bucket_batches(
    lengths: npt.NDArray[np.int64],
    buckets: Sequence[int],
    rows_of: Callable[[int], int],
    rng: np.random.Generator | None = None,
) -> BatchPlan:
    """Returns full batches from each bucket, shortest first; the texts left over move to the next bucket.

    Each text is in one batch. The number of batches depends only on the lengths. All batches except the last
    one have one of a few shapes.

    Args:
        lengths: int64[texts], length of each row with its special tokens.
        buckets: the lengths that rows are padded to.
        rows_of: returns the batch size for a length.
        rng: shuffles the texts of a bucket; without it, they are sorted by length.
    """
    bucket_of = np.searchsorted(buckets, lengths)
    plan: BatchPlan = []
    left = np.empty(0, np.int64)
    for bucket, length in enumerate(buckets):
        members = np.flatnonzero(bucket_of == bucket)
        if rng is None:
            members = members[np.argsort(lengths[members], kind="stable")]
        else:
            members = rng.permutation(members)
        members = np.concatenate([left, members])
        size = rows_of(length)
        full = len(members) - len(members) % size
        plan += [(batch, length) for batch in members[:full].reshape(-1, size)]
        left = members[full:]
    if len(left):
        plan.append((left, buckets[bucket_of[left].max()]))
    return plan


def padded_rows(texts: Sequence[Ids], length: int, tokenizer: Tokenizer, inputs: InputConfig) -> Rows:
    """Returns the inputs of a model: special tokens added, long texts truncated, rows padded to a length.

    Args:
        texts: token ids of each text, int[tokens], not truncated and without special tokens.
        length: int, length of the rows.
        tokenizer: the tokenizer of the model.
        inputs: the input configuration of the model.

    Returns:
        `{"token_ids": int32[batch, length], "padding_mask": int32[batch, length]}`.
    """
    token_ids = np.full((len(texts), length), tokenizer.pad_id, np.int32)
    padding_mask = np.zeros((len(texts), length), np.int32)
    for row, ids in enumerate(texts):
        kept = _truncated(ids, inputs)
        end = len(kept) + 1
        token_ids[row, 0] = tokenizer.cls_id
        token_ids[row, 1:end] = kept
        token_ids[row, end] = tokenizer.sep_id
        padding_mask[row, : end + 1] = 1
    return {"token_ids": token_ids, "padding_mask": padding_mask}


def window_slices(tokens: int, inputs: InputConfig) -> list[slice]:
    """Returns overlapping windows that cover a text; each is as long as a row, and overlaps the next by half.

    Args:
        tokens: int, number of tokens of the text without special tokens.
        inputs: the input configuration of the model.
    """
    room = inputs.sequence_length - 2
    if tokens <= room:
        return [slice(0, tokens)]
    count = 1 + -(-(tokens - room) // max(1, room // 2))
    starts = np.linspace(0, tokens - room, count).round().astype(int).tolist()
    return [slice(start, start + room) for start in starts]


def head_tail(inputs: InputConfig) -> tuple[int, int]:
    """Returns how many tokens a truncated text keeps from its beginning and from its end."""
    room = inputs.sequence_length - 2
    head = room * 128 // 510 if inputs.truncation == "head_tail" else room
    return head, room - head


def _truncated(ids: Ids, inputs: InputConfig) -> Ids:
    head, tail = head_tail(inputs)
    if len(ids) <= head + tail:
        return ids
    return np.concatenate([ids[:head], ids[len(ids) - tail :]])
