"""Division of long texts into parts, because encoding takes up to 400 bytes of memory a character."""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_AT_ONCE = 100_000  # characters
# A word ends at each of these: a space, ASCII punctuation, Chinese characters.
_WORD_ENDS = r"[ !-/:-@\[-`{-~\u3400-\u4dbf\u4e00-\u9fff]"
_LAST_WORD_END, _WORD_END = re.compile(rf"(?s:.*){_WORD_ENDS}"), re.compile(_WORD_ENDS)
# A word of more than 100 characters (`tokenizer.MAX_CHARACTERS_PER_WORD`) is [UNK], so 101 characters of it
# are enough. Only letters, digits and emoji are counted, because normalization removes none of them.
_CHINESE = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002ffff"
_LONG_WORDS = [
    re.compile(rf"({each}{{101}}){each}++") for each in (rf"[^\W_{_CHINESE}]", r"[\U0001f000-\U0001faff]")
]


def text_parts(text: str) -> Iterator[str]:
    """Yield parts of a cleaned text, cut between words; their ids, joined, are the ids of the text."""
    for pattern in _LONG_WORDS:
        text = pattern.sub(r"\1", text)
    start = 0
    while start < len(text):
        end = start + MAX_AT_ONCE
        found = _LAST_WORD_END.match(text, start, end) if end < len(text) else None
        found = found or _WORD_END.search(text, end)
        yield text[start : (start := found.end() if found else len(text))]
