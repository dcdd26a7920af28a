"""Texts in chunks: few and short enough that working on one takes little memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Text = TypeVar("Text", bound=Any)

CHUNK_REVIEWS = 1024
CHUNK_CHARACTERS = 400_000


def in_chunks(texts: Iterable[Text], length: Callable[[Text], int] = len) -> Iterator[list[Text]]:
    """Yield lists of texts that are few and, together, short, so that encoding needs little memory.

    Args:
        texts: strings, or what holds one each.
        length: gives the characters of one.
    """
    chunk: list[Text] = []
    characters = 0
    for text in texts:
        if chunk and characters + length(text) > CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
        chunk.append(text)
        characters += length(text)
        if len(chunk) == CHUNK_REVIEWS:  # not one text later: a stream may pause here
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def token_ranges(offsets: npt.NDArray[np.int64], most: int) -> Iterator[tuple[int, int]]:
    """Yield the first text and the end of stretches that hold `most` elements or one text.

    Args:
        offsets: int64[texts + 1], where each text begins.
    """
    first, texts = 0, len(offsets) - 1
    while first < texts:
        end = int(np.searchsorted(offsets, offsets[first] + most, side="right")) - 1
        end = min(max(end, first + 1), texts)
        yield first, end
        first = end
