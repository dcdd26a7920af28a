"""Token ids of texts far longer than a row: those of their two ends, which is all that a row takes.

A text of a megabyte has some hundred thousand tokens, of which a model reads 512; to find the others would
keep every client waiting for a second.
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

# Before such a character a word ends, whatever comes: white space (cleaning leaves spaces), Chinese
# characters, punctuation.
_BOUNDARY = re.compile("[ -/:-@\\[-`{-~\u2010-\u2027\u3001\u3002\u4e00-\u9fff\uff01\uff0c\uff1f]")


def encode_ends(texts: Sequence[str], tokenizer: Tokenizer, inputs: InputConfig) -> list[Ids]:
    """Returns the ids of each text, int32[tokens], cleaned and without special tokens.

    Of a text that is far longer than a row, ids in its middle may be missing: `padded_rows` makes the same
    row of what is left, and it is longer than a row, too.
    """
    cleaned = [clean(text) for text in texts]
    parts = [_ends(text, CHARACTERS_PER_TOKEN * inputs.sequence_length) for text in cleaned]
    encoded = iter(tokenizer.encode([part for ends in parts for part in ends]))
    found = []
    for text, ends in zip(cleaned, parts, strict=True):
        ids = [next(encoded) for _ in ends]
        if len(ids) > 1 and min(map(len, ids)) < inputs.sequence_length:  # long words, of few tokens
            ids = tokenizer.encode([text])
        found.append(np.concatenate(ids))
    return found


def _ends(text: str, most: int) -> list[str]:
    """Returns the beginning and the end of a long text, each of `most` characters or some more or less."""
    if len(text) <= 2 * most:
        return [text]
    head, tail = _BOUNDARY.search(text, most), _BOUNDARY.search(text, len(text) - most)
    if not head or not tail or head.start() >= tail.start():
        return [text]
    return [text[: head.start()], text[tail.start() :]]
