"""Cleaning of texts: results and linear time."""

from __future__ import annotations

import time

import pytest

from helpers.hard_texts import HARD_TEXTS
from keras_sentiment.text.cleaning import CHARACTERS, ENTITIES, clean, escaped

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        (" \n ", ""),
        ("<br /><br />", ""),
        ("good<br /><br />bad", "good bad"),
        ("<P CLASS='x'>good</P >", "good"),
        ("I <3 it, a < b and c > d", "I <3 it, a < b and c > d"),
        ("if a <b and c> d", "if a <b and c> d"),
        ("<insert film name> <sigh> <bra>", "<insert film name> <sigh> <bra>"),
        ("<br", "<br"),
        ("a<!-- one <b>two\n</b> -->b<!-- c", "a b<!-- c"),
        ("&quot;it&apos;s&#039;&#39;&quot;", "\"it's''\""),
        ("caf&eacute; caf&#233; caf&#xe9; caf&#XE9;", "café café café café"),
        ("&amp;lt; &amp;amp; &lt;br&gt;", "&lt; &amp; <br>"),
        ("AT&T &unknown; &#; &amp", "AT&T &unknown; &#; &amp"),
        ("a&#133;b&#x92;c&#8217;d", "a…b’c’d"),
        ("a&nbsp;b&#160;&shy;c&#8203;d", "a b cd"),
        ("so\x85what \x91it\x92 a\x96b \x97 c\x81d \x9cuvre", "so what ‘it’ a b cd œuvre"),
        ("a\x00b\x07c \t\n\x0b\x0c\r d\x7f", "abc d"),
        ("\ufeffzero\u200bwidth soft\xadhyphen\u2060", "zerowidth softhyphen"),
        ("a\u00a0b\u2003c\u3000d\u2028e", "a b c d e"),
        ("ﬁne oﬃce ＧＯＯＤ！ Ⅳ Ⓐ 𝐁𝟙", "fine office GOOD! IV A B1"),
        ("½ ´ … ß ² é 電 “x”", "½ ´ … ß ² é 電 “x”"),
        ("a\ud800b\udfffc", "abc"),
        (r"it\nhated it. \nNever", "it hated it. Never"),
        (r"one\n\ntwo\r\n\r\nthree\n", "one two three"),
        (r"\nfirst \n last\n", "first last"),
        (r"in C:\new it is, in \\n not, in \Nor neither", r"in C:\new it is, in \\n not, in \Nor neither"),
    ],
)
def test_clean(text: str, expected: str) -> None:
    assert clean(text) == expected


@pytest.mark.parametrize("text", HARD_TEXTS)
def test_cleaned_text_is_one_line_without_invisible_characters(text: str) -> None:
    cleaned = clean(text)
    assert cleaned == " ".join(cleaned.split())
    assert not set(cleaned) & (set(CHARACTERS) - {" "})


@pytest.mark.parametrize("text", HARD_TEXTS)
def test_cleaning_an_escaped_text_returns_the_cleaned_one(text: str) -> None:
    cleaned = clean(text)
    assert clean(escaped(cleaned)) == cleaned


def test_no_replacement_needs_another_replacement() -> None:
    assert not set("".join(CHARACTERS.values())) & (set(CHARACTERS) - {" "})


def test_every_entity_is_decoded_once() -> None:
    for entity, decoded in ENTITIES.items():
        decoded = "".join(CHARACTERS.get(character, character) for character in decoded)
        assert clean(f"x{entity}y") == " ".join(f"x{decoded}y".split())


HOSTILE = ["<", "&", "<br ", "<b =", "<a/", "<!--", "-->", "<!-->", "&#", "&amp", "\x85", "é", "\U0001f600"]


@pytest.mark.parametrize("piece", HOSTILE)
def test_time_is_linear_in_the_length(piece: str) -> None:
    # 1 MB takes about 0.3 s of processor time; in quadratic time, it would take many minutes.
    start = time.process_time()
    clean(piece * (1_000_000 // len(piece.encode())))
    assert time.process_time() - start < 5


@pytest.mark.parametrize("beginning", ["<a ", "<a =", "<!--", "&#", "<a href="])
@pytest.mark.parametrize("filler", ["-", " ", "=", "0"])
def test_time_is_linear_for_unclosed_markup(beginning: str, filler: str) -> None:
    start = time.process_time()
    clean(beginning + filler * 1_000_000)
    assert time.process_time() - start < 5
