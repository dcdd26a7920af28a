"""Texts far longer than a row: the same rows as of the whole, without reading the whole."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.served import INPUTS, TOKENIZER
from helpers.strategies import FUZZ
from keras_sentiment.data.padding import padded_rows
from keras_sentiment.serving import long_texts
from keras_sentiment.serving.long_texts import CHARACTERS_PER_TOKEN, encode_ends
from keras_sentiment.text.cleaning import clean

pytestmark = pytest.mark.once
WORDS = ["good", "bad", "film", "电影", "não", "e\u0301", ".", "...", "\u2026", "don't", "$5", "가"]
WORDS += ["。", "[MASK]", "\U0001f600", "\u0301", "\u200d"]
MARKUP = ["<b", "<br/>", "<a href=x y>", "<a href=", ">", "<", "&amp;", "&lt;br&gt;", "\\n", ":\\n", "\n"]
LONG = ["x" * 90, "x" * 150]
COMMENTS = ["<!--", "-->"]


PIECES = [*WORDS, *MARKUP, *LONG, *COMMENTS, " ", " ", " ", " " * 40, "\u200b" * 40, "\u0301" * 40, "y" * 300]


@pytest.mark.parametrize("truncation", ["head", "head_tail"])
@pytest.mark.parametrize("characters", [1, 3, 6])
def test_rows_are_those_of_the_whole_text(truncation, characters, monkeypatch):
    """Few or many words, with spaces or without, with markup, comments, long words, or what is no token."""
    monkeypatch.setattr(long_texts, "CHARACTERS_PER_TOKEN", characters)
    inputs = dataclasses.replace(INPUTS, truncation=truncation)
    shorter = []

    # A text is runs of one or two pieces over and over: of single ones hypothesis would draw too few.
    run = st.builds(
        lambda pieces, times: pieces * times,
        st.lists(st.sampled_from(PIECES), min_size=1, max_size=6),
        st.integers(1, 120),
    )

    @settings(FUZZ, max_examples=150)
    @given(st.lists(st.one_of(run, st.lists(st.text(max_size=5))), max_size=8), st.sampled_from(["", " "]))
    def check(runs, between):
        text = between.join(piece for pieces in runs for piece in pieces)
        whole = TOKENIZER.encode([clean(text)])[0]
        ids = encode_ends([text, "good"], TOKENIZER, inputs)[0]
        rows = [padded_rows([each], inputs.sequence_length, TOKENIZER, inputs) for each in (ids, whole)]
        np.testing.assert_array_equal(rows[0]["token_ids"], rows[1]["token_ids"])
        np.testing.assert_array_equal(rows[0]["padding_mask"], rows[1]["padding_mask"])
        assert (len(ids) + 2 > inputs.sequence_length) == (len(whole) + 2 > inputs.sequence_length)
        shorter.append(len(ids) < len(whole))

    check()
    assert sum(shorter) > 10


UNITS = ["good ", "a.", "<b ", "中", "。", "...", "<!--", "&amp;x ", "<i a=> b "]
MEGABYTE = "good film . " * (2**20 // 12)
# Of sequence_length tokens; a head or a tail that gives none, or few.
ODD_ENDS = {
    "spaces": MEGABYTE + " " * 20_000,
    "a long word": MEGABYTE + "y" * 20_000,
    "open tags": "<b> " * 4200 + MEGABYTE,
    "half a tag": "<b " * 4200 + MEGABYTE,
    "zero width": MEGABYTE + "\u200b" * 10_000,
    **{unit: unit * (2**20 // len(unit)) for unit in UNITS},
}


@pytest.mark.parametrize("text", ODD_ENDS.values(), ids=ODD_ENDS)
def test_the_middle_of_a_megabyte_is_not_tokenized(text, monkeypatch):
    inputs, given = dataclasses.replace(INPUTS, sequence_length=512), []
    encode = TOKENIZER.encode
    monkeypatch.setattr(TOKENIZER, "encode", lambda texts: given.extend(texts) or encode(texts))
    encode_ends([text], TOKENIZER, inputs)
    # Both ends, and once more where one of them is a word that is longer.
    assert sum(map(len, given)) < 5 * CHARACTERS_PER_TOKEN * inputs.sequence_length


def test_a_text_without_end_is_not_tokenized_over_and_over(monkeypatch):
    """Where there are too few tokens for a row, no more than twice the text is tried before the whole."""
    given = []
    encode = TOKENIZER.encode
    monkeypatch.setattr(TOKENIZER, "encode", lambda texts: given.extend(texts) or encode(texts))
    for text in ("y" * 2**20, "good" + " \u0301" * 2**18 + " film", ("y" * 3000 + " ") * 40):
        given.clear()
        np.testing.assert_array_equal(encode_ends([text], TOKENIZER, INPUTS)[0], encode([clean(text)])[0])
        assert sum(map(len, given)) < 3 * len(text)
