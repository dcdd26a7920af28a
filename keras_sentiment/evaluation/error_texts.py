"""The errors of a report: which texts are shown, with which words marked, and what of a long text."""

from __future__ import annotations

from collections.abc import Sequence
from html import unescape
from typing import Any, NamedTuple

import numpy as np

from keras_sentiment.data.encoded_split import Split
from keras_sentiment.decision import Decision
from keras_sentiment.inference.classifier import Classifier
from keras_sentiment.text.cleaning import escaped

SHOWN_ERRORS = 50
OPEN_ERRORS = 10  # the others are folded; these have marks, for which each is scored once for every part
NAMED_WORDS = 3  # on each side, in the sentence that replaces the marks where they can't be seen
MIN_WEIGHT = 0.25  # of a word that is marked
MAX_MARKS = 8  # in a text: with more, nothing stands out
EXCERPT = 480  # characters
_LEAD = 120  # characters from the beginning, which say what the text is about
_CONTEXT = 40  # characters on each side of a marked word
_GAP = " … "


class Piece(NamedTuple):
    """A part of a text.

    Args:
        weight: float in [-1, 1]: above 0 it supports the predicted label, below 0 it speaks against it; the
            word with the largest contribution of the text has 1 or -1. 0 is not marked.
    """

    text: str
    weight: float = 0.0


def find_errors(split: Split, probabilities: np.ndarray, decision: Decision) -> list[dict[str, Any]]:
    """Returns the errors with the highest probability of the predicted label, at most `SHOWN_ERRORS`.

    Args:
        probabilities: float[reviews, num_classes].

    Returns:
        `{"text", "source", "label", "predicted", "probability"}` of each, the highest probability first.
    """
    predicted = decision.choose(probabilities)
    confidence = probabilities[np.arange(len(predicted)), predicted]
    wrong = np.flatnonzero(predicted != split.labels)
    chosen = np.sort(wrong[np.argsort(-confidence[wrong], kind="stable")][:SHOWN_ERRORS])
    records = zip(chosen.tolist(), split.take(chosen).records(), strict=True)
    errors = [
        {
            **record._asdict(),
            "predicted": decision.labels[predicted[row]],
            "probability": float(confidence[row]),
        }
        for row, record in records
    ]
    return sorted(errors, key=lambda error: -error["probability"])


def add_pieces(classifier: Classifier, errors: Sequence[dict[str, Any]]) -> None:
    """Adds to each error its text in `pieces`, what is shown of it at first as `excerpt`, and `told`.

    Words are marked in the first `OPEN_ERRORS`; `told` says in a sentence which they are.
    """
    for place, error in enumerate(errors):
        pieces = explained(classifier, error["text"]) if place < OPEN_ERRORS else [Piece(error["text"])]
        error["pieces"], error["excerpt"] = pieces, excerpt(pieces)
        error["told"] = told(pieces, error["predicted"])


def explained(classifier: Classifier, text: str) -> list[Piece]:
    """Returns a cleaned text with its words marked by occlusion."""
    written = escaped(text)  # `explain` cleans what it is given
    pieces = marked(written, classifier.explain(written)["words"])
    return [Piece(unescape(piece), weight) for piece, weight in pieces]


def marked(text: str, words: Sequence[dict[str, Any]]) -> list[Piece]:
    """Returns a text in pieces, with the weights of its `MAX_MARKS` largest, each at least `MIN_WEIGHT`.

    Args:
        words: of an explanation of the text.
    """
    largest = max((abs(word["contribution"]) for word in words), default=0.0) or 1.0
    weights = [(word["contribution"] / largest, word["start"], word["end"]) for word in words]
    strongest = sorted(weights, key=lambda word: -abs(word[0]))[:MAX_MARKS]
    pieces, end = [], 0
    for weight, start, stop in sorted(strongest, key=lambda word: word[1]):
        if abs(weight) >= MIN_WEIGHT:
            pieces += [Piece(text[end:start]), Piece(text[start:stop], weight)]
            end = stop
    return [piece for piece in [*pieces, Piece(text[end:])] if piece.text]


def told(pieces: Sequence[Piece], predicted: str) -> str:
    """Returns which words have the largest weights, in words; nothing where none is marked."""
    sentences = []
    sides = ((f"Words that support {predicted} most", 1), ("Words that speak most against it", -1))
    for begin, sign in sides:
        found = sorted((piece for piece in pieces if sign * piece.weight > 0), key=lambda p: -abs(p.weight))
        if found:
            listed = ", ".join(f"“{piece.text}” {piece.weight:+.2f}" for piece in found[:NAMED_WORDS])
            sentences.append(f"{begin}: {listed}.")
    return " ".join(sentences)


def excerpt(pieces: Sequence[Piece]) -> list[Piece]:
    """Returns a text of more than `EXCERPT` characters as its beginning and its marked words in context."""
    text = "".join(piece.text for piece in pieces)
    if len(text) <= EXCERPT:
        return list(pieces)
    ranges = _ranges(pieces, text)
    found: list[Piece] = []
    for place, (start, end) in enumerate(ranges):
        found += [Piece(_GAP)] if place else []
        position = 0
        for piece in pieces:
            part = piece.text[max(0, start - position) : max(0, end - position)]
            found += [Piece(part, piece.weight)] if part else []
            position += len(piece.text)
    return [*found, Piece(_GAP.rstrip())] if ranges[-1][1] < len(text) else found


def _ranges(pieces: Sequence[Piece], text: str) -> list[tuple[int, int]]:
    """Returns the parts of a text that an excerpt has, in order and apart from one another."""
    words, position = [], 0
    for piece in pieces:
        if piece.weight:
            words.append((abs(piece.weight), position, position + len(piece.text)))
        position += len(piece.text)
    ranges = [(0, _word_end(text, _LEAD if words else EXCERPT))]
    for _, start, end in sorted(words, key=lambda word: -word[0]):
        wider = _word_start(text, start - _CONTEXT), _word_end(text, end + _CONTEXT)
        joined = _joined([*ranges, wider])
        if sum(end - start for start, end in joined) <= EXCERPT:
            ranges = joined
    return ranges


def _joined(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Returns ranges in order; those with fewer than `_CONTEXT` characters between them as one."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if found and start - found[-1][1] < _CONTEXT:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return found


def _word_start(text: str, position: int) -> int:
    """Returns the beginning of a word near a position; the position where no space is near."""
    if position <= 0:
        return 0
    space = text.find(" ", position - 1, position + _CONTEXT // 2)
    return position if space < 0 else space + 1


def _word_end(text: str, position: int) -> int:
    """Returns the end of a word near a position, likewise."""
    if position >= len(text):
        return len(text)
    space = text.rfind(" ", position - _CONTEXT // 2, position + 1)
    return position if space < 0 else space
