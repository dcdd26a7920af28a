"""Texts far longer than a row: the same rows as of the whole, without reading the whole."""

import dataclasses

import numpy as np
import pytest

from helpers.served import INPUTS, TOKENIZER, make_classifier
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


def made(seed: int) -> str:
    """A text of few or many words, with spaces or without, with markup, comments and long words or none."""
    rng = np.random.default_rng(seed)
    pieces = [*WORDS, *[" "] * 9]
    for more in (MARKUP, LONG, COMMENTS):
        pieces += more if rng.random() < 0.4 else []
    words = [pieces[n] for n in rng.integers(0, len(pieces), rng.integers(1, 1500))]
    return ("" if rng.random() < 0.3 else " ").join(words)


@pytest.mark.parametrize("truncation", ["head", "head_tail"])
@pytest.mark.parametrize("characters", [1, 3, 6])
def test_rows_are_those_of_the_whole_text(truncation, characters, monkeypatch):
    monkeypatch.setattr(long_texts, "CHARACTERS_PER_TOKEN", characters)
    inputs = dataclasses.replace(INPUTS, truncation=truncation)
    texts = [made(seed) for seed in range(400)]
    whole = make_classifier().encode(texts)
    ends = encode_ends(texts, TOKENIZER, inputs)
    shorter = 0
    for ids, expected in zip(ends, whole, strict=True):
        rows = [padded_rows([each], inputs.sequence_length, TOKENIZER, inputs) for each in (ids, expected)]
        np.testing.assert_array_equal(rows[0]["token_ids"], rows[1]["token_ids"])
        np.testing.assert_array_equal(rows[0]["padding_mask"], rows[1]["padding_mask"])
        assert (len(ids) + 2 > inputs.sequence_length) == (len(expected) + 2 > inputs.sequence_length)
        shorter += len(ids) < len(expected)
    assert shorter > 10 or characters == 1


@pytest.mark.parametrize("unit", ["good ", "a.", "<b ", "中", "。", "...", "<!--", "&amp;x ", "<i a=> b "])
def test_the_middle_of_a_megabyte_is_not_tokenized(unit, monkeypatch):
    given = []
    encode = TOKENIZER.encode
    monkeypatch.setattr(TOKENIZER, "encode", lambda texts: given.extend(texts) or encode(texts))
    if " " in unit:  # nor cleaned
        monkeypatch.setattr(long_texts, "clean", lambda text: given.append(text) or clean(text))
    encode_ends([unit * ((1 << 20) // len(unit))], TOKENIZER, INPUTS)
    assert sum(map(len, given)) < 5 * CHARACTERS_PER_TOKEN * INPUTS.sequence_length
