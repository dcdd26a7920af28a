"""Token ids of texts far longer than a row: those of their two ends, which is all that a row takes.

A text of a megabyte has some hundred thousand tokens, of which a model reads 512; to clean it and to find
the others would keep every client waiting for a second.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from keras_sentiment.config import InputConfig
from keras_sentiment.data.padding import Ids
from keras_sentiment.text.cleaning import clean
from keras_sentiment.text.tokenizer import Tokenizer

# So many are seldom needed: English has four to five.
CHARACTERS_PER_TOKEN = 32
# Of spaces that may stand within a tag.
TRIED_SPACES = 100

# Before such a character of a cleaned text a word ends, whatever comes: spaces, Chinese characters,
# punctuation.
_BOUNDARY = re.compile("[ -/:-@\\[-`{-~\u2010-\u2027\u3001\u3002\u4e00-\u9fff\uff01\uff0c\uff1f]")
_BRACKET = re.compile("[<>]")


def encode_ends(texts: Sequence[str], tokenizer: Tokenizer, inputs: InputConfig) -> list[Ids]:
    """Returns the ids of each text, int32[tokens], cleaned and without special tokens.

    Of a text that is far longer than a row, ids in its middle may be missing: `padded_rows` makes the same
    row of what is left, and it is longer than a row, too.
    """
    most = CHARACTERS_PER_TOKEN * inputs.sequence_length
    parts = [_cleaned_ends(text, most) for text in texts]
    encoded = iter(tokenizer.encode([part for ends in parts for part in ends]))
    found = []
    for text, ends in zip(texts, parts, strict=True):
        ids = [next(encoded) for _ in ends]
        if len(ids) > 1 and min(map(len, ids)) < inputs.sequence_length:  # long words or tags: few tokens
            ids = tokenizer.encode([clean(text)])
        found.append(np.concatenate(ids))
    return found


def _cleaned_ends(text: str, most: int) -> list[str]:
    """Returns the cleaned beginning and end of a text, each of about so many characters, or the whole."""
    if len(text) <= 2 * most:
        return [clean(text)]
    head, tail = _space(text, most), _space(text, len(text) - most)
    # A comment may reach from one end to the other.
    commented = "<!--" in text and "-->" in text
    if head and tail and head < tail and not commented:
        return [clean(text[:head]), clean(text[tail:])]
    cleaned = clean(text)
    if len(cleaned) > 2 * most:
        first, last = _BOUNDARY.search(cleaned, most), _BOUNDARY.search(cleaned, len(cleaned) - most)
        if first and last and first.start() < last.start():
            return [cleaned[: first.start()], cleaned[last.start() :]]
    return [cleaned]


def _space(text: str, start: int) -> int | None:
    """Returns the place of a space that stands in no tag, nowhere before `start`; None if none is near."""
    for _ in range(TRIED_SPACES):
        place = text.find(" ", start)
        if place < 0:
            return None
        # A tag holds no bracket but its own two.
        before = max(text.rfind("<", 0, place), text.rfind(">", 0, place))
        after = _BRACKET.search(text, place)
        if before < 0 or text[before] == ">" or not after or after[0] == "<":
            return place
        start = after.end()
    return None
