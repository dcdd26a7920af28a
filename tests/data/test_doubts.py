"""Warnings about suspicious texts."""

import pytest

from keras_sentiment.data.doubts import Doubts
from keras_sentiment.data.preparation import prepare

pytestmark = pytest.mark.once


def warnings(texts):
    doubts = Doubts()
    for number, text in enumerate(texts, 1):
        doubts.add(text, f"it:{number}")
    return doubts.warnings()


def test_very_long_texts_give_a_warning():
    texts = ["a film"] * 99
    assert warnings([*texts, "x" * 6000]) == []
    (found,) = warnings([*texts, "x" * 6001, "x" * 9000])
    assert found.startswith("texts longer than 1,000 times the median of 6 characters: 2, the longest")
    assert "at it:101 (9,000 characters)" in found
    assert warnings([]) == []


def test_wrongly_decoded_characters_give_a_warning():
    garbled = [text.encode().decode("cp1252") for text in ("it’s", "café", "good!\xa0so", "“no", "fine 😀")]
    (found,) = warnings(["a film", *garbled])
    assert (
        "characters such as 'â€™', which is UTF-8 decoded with a wrong encoding: 5, the first at it:2"
        in found
    )
    fine = ["it’s", "café", "Ã", "„Spaß“", "CAFÉ»", "château", "ÂÃ", "São", "не плохо", "好", "😀", "Â, €"]
    assert warnings(fine) == []


def test_warnings_are_stored_in_the_corpus(tmp_path):
    pairs = [(f"film {n} {'good' if n % 2 else 'bad'}", n % 2) for n in range(60)]
    pairs[7] = ("itâ€™s " + "long " * 9000, 1)
    corpus = prepare(pairs, tmp_path / "data", tokenizer="learn", vocabulary_size=100, quiet=True)
    assert ["the longest at pair 8" in w or "the first at pair 8" in w for w in corpus.info["warnings"]] == [
        True,
        True,
    ]
