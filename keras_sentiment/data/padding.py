"""Token ids -> padded rows in batches of like length; numpy only, so that a server needs no Keras."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_sentiment.config import SCORING_BATCH_TOKENS, InputConfig
from keras_sentiment.text.tokenizer import Tokenizer

# The lengths that rows are padded to where each costs a compilation, so they are few.
COMPILED_LENGTHS = (32, 64, 96, 128, 160, 192, 224, 256, 320, 384, 448)
# Where nothing is compiled: with lengths so close, 1% of the sample's positions are padding instead of 7%.
LENGTH_STEP = 8

Ids = npt.NDArray[np.integer[Any]]
# What a model takes: `{"token_ids", "padding_mask"}`, int32[batch, length].
Rows = dict[str, npt.NDArray[np.int32]]
# A position of a plan: the texts that make up a batch, and the length they're padded to.
BatchPlan = list[tuple[npt.NDArray[np.int64], int]]


def bucket_lengths(inputs: InputConfig, few: bool) -> Sequence[int]:
    """Returns the lengths that rows are padded to, ascending.

    Args:
        few: whether each length costs a compilation.
    """
    if inputs.pad_to != "longest":
        return (inputs.pad_to,)
    limit = inputs.sequence_length
    if few:
        return (*(length for length in COMPILED_LENGTHS if length < limit), limit)
    return (*range(LENGTH_STEP, limit, LENGTH_STEP), limit)


def row_lengths(tokens: npt.NDArray[np.int64], inputs: InputConfig) -> npt.NDArray[np.int64]:
    """Returns the tokens of each row, specials counted, for the tokens of each text, int64[texts]."""
    return np.minimum(tokens + 2, inputs.sequence_length)


def scoring_rows(length: int) -> int:
    """Returns how many rows of a length are scored at once."""
    return max(1, SCORING_BATCH_TOKENS // length)


def bucket_batches(
    lengths: npt.NDArray[np.int64],
    buckets: Sequence[int],
    rows_of: Callable[[int], int],
    rng: np.random.Generator | None = None,
) -> BatchPlan:
    """Full batches from each bucket, shortest first; what is left over moves up a bucket.

    So every text is in one batch, the number of batches depends on the lengths alone, and all but the
    last batch have one of a few shapes.

    Args:
        lengths: int64[texts], tokens of each row.
        buckets: the lengths that rows are padded to.
        rows_of: how many rows of a length a full batch holds.
        rng: draws which texts of a bucket stand together; without it they are in order of length.
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
    """Returns what a model takes: specials added, long texts cut, all padded to a length.

    Args:
        texts: int[tokens] of each text, whole and without specials.

    Returns:
        `{"token_ids": int32[batch, length], "padding_mask": int32[batch, length]}`.
    """
    token_ids = np.full((len(texts), length), tokenizer.pad_id, np.int32)
    padding_mask = np.zeros((len(texts), length), np.int32)
    for row, ids in enumerate(texts):
        kept = _cut(ids, inputs)
        end = len(kept) + 1
        token_ids[row, 0] = tokenizer.cls_id
        token_ids[row, 1:end] = kept
        token_ids[row, end] = tokenizer.sep_id
        padding_mask[row, : end + 1] = 1
    return {"token_ids": token_ids, "padding_mask": padding_mask}


def window_slices(tokens: int, inputs: InputConfig) -> list[slice]:
    """Returns the parts of a text that cover it in windows as long as a row, each half over its neighbours.

    Args:
        tokens: int, of the text.
    """
    room = inputs.sequence_length - 2
    if tokens <= room:
        return [slice(0, tokens)]
    count = 1 + -(-(tokens - room) // max(1, room // 2))
    starts = np.linspace(0, tokens - room, count).round().astype(int).tolist()
    return [slice(start, start + room) for start in starts]


def head_tail(inputs: InputConfig) -> tuple[int, int]:
    """Returns how many tokens of a longer text are kept from its beginning and from its end."""
    room = inputs.sequence_length - 2
    head = room * 128 // 510 if inputs.truncation == "head_tail" else room
    return head, room - head


def _cut(ids: Ids, inputs: InputConfig) -> Ids:
    head, tail = head_tail(inputs)
    if len(ids) <= head + tail:
        return ids
    return np.concatenate([ids[:head], ids[len(ids) - tail :]])
