"""Suspicious texts: very long ones, placeholders for missing values, and wrongly decoded ones."""

from __future__ import annotations

import re
from array import array

import numpy as np

from keras_sentiment.data.reviews import MISSING, fold

# A text of more than 1,000 times the median length is probably several rows of the file.
LONG_TIMES = 1000
# The beginnings of ’, é, a non-breaking space and emoji in UTF-8 that was decoded as Windows-1252.
_CONTINUED = "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(0x80, 0xC0))
_GARBLED = re.compile(
    rf"[ÂÃ][{re.escape(_CONTINUED)}]|â€[{re.escape(_CONTINUED)}]|ðŸ[{re.escape(_CONTINUED)}]"
)


class Doubts:
    """Counts suspicious texts; it needs four bytes of memory a text."""

    def __init__(self) -> None:
        self._lengths = array("I")
        self._longest = (0, "")
        self._garbled, self._first, self._example = 0, "", ""
        self._missing, self._first_missing = 0, ""

    def add(self, text: str, source: str) -> None:
        """Checks a text of the source, before cleaning."""
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
        """Return a warning for each kind of suspicious text that was found."""
        found = []
        lengths = np.frombuffer(self._lengths, np.uint32) if self._lengths else np.zeros(1, np.uint32)
        median = max(int(np.median(lengths)), 1)
        if count := int((lengths > LONG_TIMES * median).sum()):
            length, source = self._longest
            found.append(
                f"texts longer than {LONG_TIMES:,} times the median of {median:,} characters: {count:,}, the "
                f"longest at {source} ({length:,} characters); if it is several rows, change --quoting"
            )
        if self._missing:
            found.append(
                f"texts such as NULL, which may stand for a missing text: {self._missing:,}, the first at "
                f"{self._first_missing}; if so, remove these rows"
            )
        if self._garbled:
            found.append(
                f"texts with characters such as {self._example!r}, which is UTF-8 decoded with a wrong "
                f"encoding: {self._garbled:,}, the first at {self._first}; if there are many, export the "
                "source again as UTF-8"
            )
        return found
