"""Long texts in parts that are encoded one by one: each character takes up to 400 bytes of memory."""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_AT_ONCE = 100_000  # characters
# Behind these no word goes on: a space, ASCII's punctuation, Chinese characters.
_WORD_ENDS = r"[ !-/:-@\[-`{-~\u3400-\u4dbf\u4e00-\u9fff]"
_LAST_WORD_END, _WORD_END = re.compile(rf"(?s:.*){_WORD_ENDS}"), re.compile(_WORD_ENDS)
# What is as good as all of a word that is too long to be known (`tokenizer.MAX_CHARACTERS_PER_WORD`): letters
# and digits, or emoji, of which normalization loses none.
_CHINESE = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002ffff"
_LONG_WORDS = [
    re.compile(rf"({each}{{101}}){each}++") for each in (rf"[^\W_{_CHINESE}]", r"[\U0001f000-\U0001faff]")
]


def text_parts(text: str) -> Iterator[str]:
    """Yield a cleaned text in parts, cut between words, so that their ids are together those of the text."""
    for pattern in _LONG_WORDS:
        text = pattern.sub(r"\1", text)
    start = 0
    while start < len(text):
        end = start + MAX_AT_ONCE
        found = _LAST_WORD_END.match(text, start, end) if end < len(text) else None
        found = found or _WORD_END.search(text, end)
        yield text[start : (start := found.end() if found else len(text))]
