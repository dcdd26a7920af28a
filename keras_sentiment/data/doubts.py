"""Texts that may not be what their source meant: far too long ones, and bytes read in a wrong encoding."""

from __future__ import annotations

import re
from array import array

import numpy as np

from keras_sentiment.data.reviews import MISSING, fold

# So many times the median is no text but a part of the file.
LONG_TIMES = 1000
# UTF-8 that was read as Windows-1252 and saved again: ’, é, a space that doesn't break, an emoji.
_CONTINUED = "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(0x80, 0xC0))
_GARBLED = re.compile(
    rf"[ÂÃ][{re.escape(_CONTINUED)}]|â€[{re.escape(_CONTINUED)}]|ðŸ[{re.escape(_CONTINUED)}]"
)


class Doubts:
    """Counts doubtful texts of a source: four bytes of memory a text."""

    def __init__(self) -> None:
        self._lengths = array("I")
        self._longest = (0, "")
        self._garbled, self._first, self._example = 0, "", ""
        self._missing, self._first_missing = 0, ""

    def add(self, text: str, source: str) -> None:
        """Looks at a text, as it stands in the source."""
        self._lengths.append(len(text))
        if len(text) < 12 and fold(text.strip()) in MISSING:
            self._first_missing = self._first_missing or source
            self._missing += 1
        if len(text) > self._longest[0]:
            self._longest = (len(text), source)
        if not text.isascii() and (match := _GARBLED.search(text)):
            if not self._garbled:
                self._first, self._example = source, match[0]
            self._garbled += 1

    def warnings(self) -> list[str]:
        """Return a line for each kind of doubtful texts that were there."""
        found = []
        lengths = np.frombuffer(self._lengths, np.uint32) if self._lengths else np.zeros(1, np.uint32)
        median = max(int(np.median(lengths)), 1)
        if count := int((lengths > LONG_TIMES * median).sum()):
            length, source = self._longest
            found.append(
                f"texts of more than {LONG_TIMES:,} times the median length of {median:,} characters: "
                f"{count:,}, the longest at {source} ({length:,} characters); look whether it is one text "
                "(--quoting)"
            )
        if self._missing:
            found.append(
                f"texts such as NULL, which may mean that there is none: {self._missing:,}, the first at "
                f"{self._first_missing}; remove these rows if it is so"
            )
        if self._garbled:
            found.append(
                f"texts with characters such as {self._example!r}, UTF-8 that was read in another encoding: "
                f"{self._garbled:,}, the first at {self._first}; if there are many, write the source again "
                "as UTF-8"
            )
        return found
