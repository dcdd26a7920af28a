"""Which words carry a label: each is left out in turn, and the text is scored again.

Occlusion, as in Zeiler & Fergus 2014, "Visualizing and Understanding Convolutional Networks", and for
words in Li et al. 2016, "Understanding Neural Networks through Representation Erasure". It asks any model
and needs no gradients, so what it says of an exported graph holds for that graph.
"""

from __future__ import annotations

import itertools
import math
import re
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

from keras_sentiment.config import EXPLAINED_SPANS
from keras_sentiment.escaping import html
from keras_sentiment.text.cleaning import TAG_PATTERN

# What white space parts; Chinese characters, which BERT takes for words, one by one.
_WORD = re.compile("[\u4e00-\u9fff]|[^\\s\u4e00-\u9fff]+")
_TAG = re.compile(TAG_PATTERN)
_FOR, _AGAINST = "33, 102, 172", "230, 97, 1"  # red, green, blue: told apart by the colour-blind too


class Explanation(dict[str, Any]):
    """What `predict` says of a text, and the words behind it; a notebook shows the text with them marked."""

    def __init__(self, values: dict[str, Any], text: str) -> None:
        super().__init__(values)
        self.text = text

    def _repr_html_(self) -> str:
        most = max((abs(word["contribution"]) for word in self["words"]), default=0.0) or 1.0
        pieces, end = [], 0
        for word in self["words"]:
            share = word["contribution"] / most
            colour = _FOR if share > 0 else _AGAINST
            style = f"background: rgba({colour}, {abs(share) / 2:.2f})"
            pieces += [
                html(self.text[end : word["start"]]),
                f'<span style="{style}" title="{word["contribution"]:+.2f}">{html(word["text"])}</span>',
            ]
            end = word["end"]
        text = "".join([*pieces, html(self.text[end:])])
        label = f"{html(self['label'])} ({self['probability']:.3f})"
        return f"<p><b>{label}</b> blue speaks for it, orange against it</p><p>{text}</p>"


class Span(NamedTuple):
    """A part of a text, `text[start:end]`."""

    start: int
    end: int


def spans(text: str) -> list[Span]:
    """Returns the words of a text, or of a longer one runs of words; at most `EXPLAINED_SPANS`.

    White space and tags, which cleaning drops, are in none.
    """
    words = list(_WORD.finditer(_TAG.sub(lambda tag: " " * len(tag[0]), text)))
    count = min(len(words), EXPLAINED_SPANS)
    bounds = [len(words) * part // count for part in range(count + 1)] if count else [0]
    return [Span(words[first].start(), words[end - 1].end()) for first, end in itertools.pairwise(bounds)]


def without(text: str, parts: Sequence[Span]) -> list[str]:
    """Returns the text as often as there are parts, without one of them each time."""
    return [f"{text[: part.start]} {text[part.end :]}" for part in parts]


def word_contributions(text: str, parts: Sequence[Span], results: Sequence[dict[str, Any]]) -> Explanation:
    """Returns the explanation of a text, as `Classifier.explain` does.

    Args:
        parts: its spans.
        results: what `Classifier.predict` says of the text, then of it `without` each part.
    """
    label = results[0]["label"]
    odds = [_log_odds(result["probabilities"], label) for result in results]
    words = [
        {"text": text[part.start : part.end], **part._asdict(), "contribution": odds[0] - left}
        for part, left in zip(parts, odds[1:], strict=True)
    ]
    return Explanation({**results[0], "words": words}, text)


def _log_odds(probabilities: dict[str, float], label: str) -> float:
    # From the others' sum and not from 1 - p, which is 0 where p is within 1e-16 of 1.
    others = sum(value for name, value in probabilities.items() if name != label)
    least = sys.float_info.min
    return math.log(max(probabilities[label], least)) - math.log(max(others, least))
