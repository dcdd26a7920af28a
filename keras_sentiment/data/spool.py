"""The spool: a file of cleaned texts, written by the first pass of preparation and read by the second."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from keras_sentiment.data.chunks import in_chunks
from keras_sentiment.data.doubts import Doubts
from keras_sentiment.data.fingerprint import copy_key
from keras_sentiment.data.prefetch import parallel_map
from keras_sentiment.data.readers.bad_rows import BadRows
from keras_sentiment.data.review_index import ReviewIndex
from keras_sentiment.data.reviews import Review
from keras_sentiment.errors import InputError
from keras_sentiment.progress import counted
from keras_sentiment.text.cleaning import clean

# A review, its cleaned text, and the `copy_key` of the cleaned text.
Cleaned = tuple[Review, str, bytes]


def cleaned(reviews: Iterable[Review], processes: int) -> Iterator[Cleaned]:
    """Yield each review with its cleaned text and the `copy_key` of it."""
    chunks = in_chunks(reviews, lambda review: len(review.text))
    for chunk, texts in parallel_map(_clean_all, chunks, processes):
        yield from ((review, *text) for review, text in zip(chunk, texts, strict=True))


def _clean_all(reviews: list[Review]) -> list[tuple[str, bytes]]:
    return [(text, copy_key(text)) for text in (clean(review.text) for review in reviews)]


def spool_labelled(
    reviews: Iterator[Cleaned],
    index: ReviewIndex,
    spool: Path,
    bad_rows: BadRows,
    doubts: Doubts,
    quiet: bool,
) -> None:
    """First pass: write each cleaned review to the spool and to the index."""
    with spool.open("w", encoding="utf-8", newline="\n") as file:
        for review, text, key in counted(reviews, "Reading", "reviews", quiet=quiet):
            if not text:
                bad_rows.add(InputError(f"{review.source}: the review has no text after cleaning; remove it"))
                continue
            index.add(review, text, key)
            doubts.add(review.text, review.source)
            file.write(json.dumps([text, review.source]) + "\n")


def spool_unlabelled(
    reviews: Iterator[Cleaned], spool: Path, held_out: npt.NDArray[np.uint64], quiet: bool
) -> int:
    """Write unlabelled texts to a spool, except empty ones and copies of held-out texts; return the number.

    Args:
        reviews: the unlabelled texts, cleaned.
        spool: the file.
        held_out: uint64[reviews], `copy_key` of the texts in validation and test.
        quiet: whether to show no progress.
    """
    known, kept = set(held_out.tolist()), 0
    with spool.open("w", encoding="utf-8", newline="\n") as file:
        for review, text, key in counted(reviews, "Reading unlabelled texts", "texts", quiet=quiet):
            if text and int.from_bytes(key, "big") not in known:
                file.write(json.dumps([text, review.source]) + "\n")
                kept += 1
    return kept


def read_spool(spool: Path) -> Iterator[tuple[str, str]]:
    """Yield each cleaned text with its source."""
    with spool.open(encoding="utf-8") as file:
        for line in file:
            text, source = json.loads(line)
            yield text, source
