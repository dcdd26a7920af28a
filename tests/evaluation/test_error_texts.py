"""Which errors a report shows, which words it marks, and what it shows of a long text."""

import numpy as np
import pytest

from helpers.pages import HOSTILE, bad_logits
from helpers.served import make_classifier
from keras_sentiment.evaluation.error_texts import (
    EXCERPT,
    MAX_MARKS,
    Piece,
    excerpt,
    explained,
    find_errors,
    marked,
    told,
)
from keras_sentiment.text.cleaning import clean

pytestmark = pytest.mark.once


def test_errors_come_surest_first(split, run):
    logits = bad_logits(split)
    errors = find_errors(split, run.decision.probabilities(logits), run.decision)
    wrong = ~run.decision.correct(logits, split.labels)
    assert len(errors) == wrong.sum()
    assert errors[0]["text"] == HOSTILE
    shown = [error["probability"] for error in errors]
    assert shown == sorted(shown, reverse=True)
    texts = list(split.texts())
    for error in errors:
        assert error["label"] != error["predicted"]
        row = texts.index(error["text"])
        assert run.config.labels[split.labels[row]] == error["label"]
        assert error["probability"] == pytest.approx(run.decision.probabilities(logits)[row].max())


def test_no_more_than_fifty_errors_are_shown(corpus, run):
    part = corpus.splits["train"]
    errors = find_errors(part, np.eye(2)[1 - part.labels] * 0.8 + 0.1, run.decision)
    assert len(errors) == 50


def test_marks_are_what_counts_in_both_directions():
    text = "a dull , dull and <b>fine</b> film"
    words = [
        {"text": "dull", "start": 2, "end": 6, "contribution": 0.9},
        {"text": "dull", "start": 9, "end": 13, "contribution": 3.0},
        {"text": "and", "start": 14, "end": 17, "contribution": 0.3},
        {"text": "fine", "start": 21, "end": 25, "contribution": -1.5},
    ]
    pieces = marked(text, words)
    assert "".join(piece.text for piece in pieces) == text
    assert [piece for piece in pieces if piece.weight] == [("dull", 0.3), ("dull", 1.0), ("fine", -0.5)]
    assert told(pieces, "bad") == (
        "Words that support bad most: “dull” +1.00, “dull” +0.30. "
        "Words that speak most against it: “fine” -0.50."
    )
    assert marked(text, []) == [Piece(text)]
    assert marked("", []) == []
    assert told([Piece(text)], "bad") == ""


def test_marks_of_a_text_are_few():
    text = " ".join(["word"] * 40)
    words = [{"start": 5 * n, "end": 5 * n + 4, "contribution": 1 + n} for n in range(40)]
    assert sum(piece.weight != 0 for piece in marked(text, words)) == MAX_MARKS


def test_words_are_found_in_the_text_that_was_read():
    """Cleaned again, it would be another text, that says the contrary."""
    text = "<b title= good good > the bad film AT&amp;T in C:\\new &lt; \\n"
    assert clean(text) == r"the bad film AT&T in C:\new <"
    pieces = explained(make_classifier(), text)
    assert "".join(piece.text for piece in pieces) == text
    assert [piece.text for piece in pieces if piece.weight > 0] == ["good", "good"]
    assert [piece.text for piece in pieces if piece.weight < 0] == ["bad"]


@pytest.mark.parametrize("space", [" ", "的"])
@pytest.mark.parametrize("place", [0, 40, 1500, 2990])
def test_an_excerpt_has_the_beginning_and_the_marked_words(space, place):
    words = [f"w{n}" for n in range(3000)]
    text = space.join(words)
    start = text.index(f"{words[place]}{space}")
    pieces = marked(text, [{"start": start, "end": start + len(words[place]), "contribution": 1.0}])
    found = excerpt(pieces)
    shown = "".join(piece.text for piece in found)
    assert shown.startswith(text[:50])
    assert Piece(words[place], 1.0) in found
    assert len(shown.replace(" … ", "")) <= EXCERPT
    assert all(part in text for part in shown.removesuffix(" …").split(" … "))
    assert all(word in words for word in shown.replace("…", " ").replace(space, " ").split()) or space != " "


def test_a_short_text_is_shown_whole():
    pieces = [Piece("a "), Piece("dull", 1.0), Piece(" film")]
    assert excerpt(pieces) == pieces
    assert excerpt([]) == []
    long = excerpt([Piece("x" * 2000)])
    assert long == [Piece("x" * EXCERPT), Piece(" …")]
