"""Which words a label depends on: each is left out in turn, and the text is scored again.

This is occlusion, as in Zeiler & Fergus 2014, "Visualizing and Understanding Convolutional Networks", and for
words in Li et al. 2016, "Understanding Neural Networks through Representation Erasure". It works with any
model and needs no gradients, so an exported graph is explained by the graph itself.
"""

from __future__ import annotations

import itertools
import math
import re
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

from keras_sentiment.config import EXPLAINED_SPANS, InputConfig
from keras_sentiment.data.padding import head_tail
from keras_sentiment.escaping import html
from keras_sentiment.text.cleaning import TAG_PATTERN, clean
from keras_sentiment.text.tokenizer import Tokenizer

# Words are separated by white space; each Chinese character is a word of its own, as in BERT's tokenizer.
_WORD = re.compile("[\u4e00-\u9fff]|[^\\s\u4e00-\u9fff]+")
_TAG = re.compile(TAG_PATTERN)
# Red, green and blue. People with any kind of colour blindness can tell this blue from this orange.
_FOR, _AGAINST = "33, 102, 172", "230, 97, 1"


class Explanation(dict[str, Any]):
    """The result of `Classifier.explain`. A notebook displays it as the text with its words coloured."""

    def __init__(self, values: dict[str, Any], text: str) -> None:
        super().__init__(values)
        self.text = text

    def _repr_html_(self) -> str:
        most = max((abs(word["contribution"]) for word in self["words"]), default=0.0) or 1.0
        parts = []
        for word in self["words"]:
            share = word["contribution"] / most
            colour = _FOR if share > 0 else _AGAINST
            style = f"background: rgba({colour}, {abs(share) / 2:.2f})"
            parts.append((word["start"], word["end"], style, f"{word['contribution']:+.2f}"))
        legend = "blue: for this label; orange: against it"
        if unread := self["unread"]:
            parts.append((unread["start"], unread["end"], "color: gray", "not read by the model"))
            legend += "; grey: cut, not read by the model"
        pieces, end = [], 0
        for start, stop, style, title in sorted(parts):
            marked = f'<span style="{style}" title="{title}">{html(self.text[start:stop])}</span>'
            pieces += [html(self.text[end:start]), marked]
            end = stop
        text = "".join([*pieces, html(self.text[end:])])
        label = f"{html(self['label'])} ({self['probability']:.3f})"
        return f"<p><b>{label}</b> {legend}</p><p>{text}</p>"


class Span(NamedTuple):
    """A part of a text, `text[start:end]`."""

    start: int
    end: int


def _words(text: str) -> list[Span]:
    """Returns the words of a text, without its tags, which cleaning removes."""
    return [Span(*word.span()) for word in _WORD.finditer(_TAG.sub(lambda tag: " " * len(tag[0]), text))]


def unread_span(text: str, tokenizer: Tokenizer, inputs: InputConfig) -> Span | None:
    """Returns the part of a text that does not fit into a row, from its first word to its last.

    A word counts as read if one of its tokens is in the row. None where all words are read, and for the rare
    text whose words have other tokens one by one than together.
    """
    head, tail = head_tail(inputs)
    total = len(tokenizer.encode([clean(text)])[0])
    if total <= head + tail:
        return None
    words = _words(text)
    written = [clean(text[word.start : word.end]) for word in words]
    different = list(dict.fromkeys(written))
    tokens = dict(zip(different, map(len, tokenizer.encode(different)), strict=True))
    cut, end = [], 0
    for word, cleaned in zip(words, written, strict=True):
        start, end = end, end + tokens[cleaned]
        if start >= head and end <= total - tail:
            cut.append(word)
    return Span(cut[0].start, cut[-1].end) if cut and end == total else None


def spans(text: str, unread: Span | None = None) -> list[Span]:
    """Returns the words of a text, or runs of words where there are more than `EXPLAINED_SPANS` words.

    White space, tags and the unread part are in none of them.
    """
    words = _words(text)
    head = [word for word in words if unread is None or word.end <= unread.start]
    tail = [word for word in words if unread is not None and word.start >= unread.end]
    count = min(len(head) + len(tail), EXPLAINED_SPANS)
    # No run reaches over the unread part, so each side has its own share of the runs.
    first = round(count * len(head) / max(1, len(head) + len(tail)))
    first = min(max(first, bool(head)), count - bool(tail))
    return [*_runs(head, first), *_runs(tail, count - first)]


def _runs(words: Sequence[Span], count: int) -> list[Span]:
    """Returns `count` runs of neighbouring words, which are equally long to within a word."""
    bounds = [len(words) * run // count for run in range(count + 1)] if count else [0]
    return [Span(words[first].start, words[end - 1].end) for first, end in itertools.pairwise(bounds)]


def without(text: str, parts: Sequence[Span]) -> list[str]:
    """Returns one text for each part: the text without that part."""
    return [f"{text[: part.start]} {text[part.end :]}" for part in parts]


def word_contributions(
    text: str, parts: Sequence[Span], results: Sequence[dict[str, Any]], unread: Span | None = None
) -> Explanation:
    """Returns the explanation of a text, as `Classifier.explain` does.

    Args:
        parts: the spans of the text.
        results: of `Classifier.predict`, for the text and then for each text that `without` returns.
        unread: the part that does not fit into a row.
    """
    label = results[0]["label"]
    odds = [_log_odds(result["probabilities"], label) for result in results]
    words = [
        {"text": text[part.start : part.end], **part._asdict(), "contribution": odds[0] - left}
        for part, left in zip(parts, odds[1:], strict=True)
    ]
    return Explanation({**results[0], "words": words, "unread": unread and unread._asdict()}, text)


def _log_odds(probabilities: dict[str, float], label: str) -> float:
    # The sum of the other probabilities is more exact than 1 - p, which is 0 where p is within 1e-16 of 1.
    others = sum(value for name, value in probabilities.items() if name != label)
    least = sys.float_info.min
    return math.log(max(probabilities[label], least)) - math.log(max(others, least))
