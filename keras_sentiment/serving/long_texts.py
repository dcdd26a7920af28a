"""Token ids of very long texts: only the two ends are tokenized, since a row has no more.

A text of one megabyte has hundreds of thousands of tokens, of which a model reads 512. Tokenizing all of
them would delay every client by a second.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from keras_sentiment.config import InputConfig
from keras_sentiment.data.padding import Ids
from keras_sentiment.text.cleaning import clean
from keras_sentiment.text.tokenizer import Tokenizer

# A generous bound: English has four to five characters per token.
CHARACTERS_PER_TOKEN = 32

# A word always ends before these characters of a cleaned text: spaces, Chinese characters, punctuation.
_BOUNDARY = re.compile("[ -/:-@\\[-`{-~\u2010-\u2027\u3001\u3002\u4e00-\u9fff\uff01\uff0c\uff1f]")


def encode_ends(texts: Sequence[str], tokenizer: Tokenizer, inputs: InputConfig) -> list[Ids]:
    """Returns the ids of each text, int32[tokens], cleaned and without special tokens.

    If a text is much longer than a row, ids of its middle may be missing or repeated. `padded_rows` still
    makes the same row of them, and they are still more than fit into a row.
    """
    cleaned = [clean(text) for text in texts]
    size = CHARACTERS_PER_TOKEN * inputs.sequence_length
    whole = iter(tokenizer.encode([text for text in cleaned if len(text) <= 2 * size]))
    return [
        next(whole) if len(text) <= 2 * size else _ends(text, size, tokenizer, inputs) for text in cleaned
    ]


def _ends(text: str, size: int, tokenizer: Tokenizer, inputs: InputConfig) -> Ids:
    """Returns the ids of both ends of a cleaned text, each of `size` characters or what a row needs."""
    while 2 * size < len(text):
        first, last = _BOUNDARY.search(text, size), _BOUNDARY.search(text, len(text) - size)
        if first and last:
            ends = tokenizer.encode([text[: first.start()], text[last.start() :]])
            if min(map(len, ends)) >= inputs.sequence_length:
                return np.concatenate(ends)
        size *= 2  # the ends have long words, or characters that are no tokens
    return tokenizer.encode([text])[0]
