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

# Before such a character of a cleaned text a word ends, whatever comes: spaces, Chinese characters,
# punctuation.
_BOUNDARY = re.compile("[ -/:-@\\[-`{-~\u2010-\u2027\u3001\u3002\u4e00-\u9fff\uff01\uff0c\uff1f]")


def encode_ends(texts: Sequence[str], tokenizer: Tokenizer, inputs: InputConfig) -> list[Ids]:
    """Returns the ids of each text, int32[tokens], cleaned and without special tokens.

    Of a text that is far longer than a row, ids in its middle may be missing, or be there twice:
    `padded_rows` makes the same row of what is left, and it is longer than a row, too.
    """
    cleaned = [clean(text) for text in texts]
    size = CHARACTERS_PER_TOKEN * inputs.sequence_length
    whole = iter(tokenizer.encode([text for text in cleaned if len(text) <= 2 * size]))
    return [
        next(whole) if len(text) <= 2 * size else _ends(text, size, tokenizer, inputs) for text in cleaned
    ]


def _ends(text: str, size: int, tokenizer: Tokenizer, inputs: InputConfig) -> Ids:
    """Returns the ids of both ends of a cleaned text, each of so many characters, or more for a row."""
    while 2 * size < len(text):
        first, last = _BOUNDARY.search(text, size), _BOUNDARY.search(text, len(text) - size)
        if first and last:
            ends = tokenizer.encode([text[: first.start()], text[last.start() :]])
            if min(map(len, ends)) >= inputs.sequence_length:
                return np.concatenate(ends)
        size *= 2  # long words, or what is no token
    return tokenizer.encode([text])[0]
