"""Division of texts into chunks that need little memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Text = TypeVar("Text", bound=Any)

CHUNK_REVIEWS = 1024
CHUNK_CHARACTERS = 400_000


def in_chunks(texts: Iterable[Text], length: Callable[[Text], int] = len) -> Iterator[list[Text]]:
    """Yield lists of at most 1,024 texts with at most 400,000 characters; a longer text is a list of its own.

    Args:
        texts: strings, or objects with a text.
        length: returns the number of characters of an item.
    """
    chunk: list[Text] = []
    characters = 0
    for text in texts:
        if chunk and characters + length(text) > CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
        chunk.append(text)
        characters += length(text)
        if len(chunk) == CHUNK_REVIEWS:  # do not wait for the next text: a stream may pause here
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def token_ranges(offsets: npt.NDArray[np.int64], most: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of texts, `(first, end)`, of at most `most` tokens; a longer text is a range of its own.

    Args:
        offsets: int64[texts + 1], offset of the first token of each text.
        most: int, maximal number of tokens.
    """
    first, texts = 0, len(offsets) - 1
    while first < texts:
        end = int(np.searchsorted(offsets, offsets[first] + most, side="right")) - 1
        end = min(max(end, first + 1), texts)
        yield first, end
        first = end
