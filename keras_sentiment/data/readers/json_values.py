"""Incremental reading of JSON values; the size of a value is checked before it is parsed."""

from __future__ import annotations

import codecs
import json
import re
from sys import getsizeof
from typing import IO, Any

from keras_sentiment.data.readers.lines import MAX_LINE_BYTES, MAX_PARTS, MAX_TEXT_MEMORY, require_few
from keras_sentiment.errors import InputError

# Each of these characters begins a value.
_SIGNS = "[{,"
_CHUNK_CHARACTERS = 1 << 20
_SPACES = re.compile("[ \\t\\r\\n]+")
_MARK = re.compile(r'["\[\]{}]')
# A number, true, false or null ends before one of these, and is not longer than this.
_AFTER_WORD, _MAX_WORD = re.compile(r"[,\]}\s]"), 5000
# A row of MAX_PARTS values has at most this many quotes, brackets and braces.
_MAX_MARKS = 4 * MAX_PARTS


def _require_little_memory(text: str, source: str, more: int = 0) -> None:
    """Raises an InputError if a text takes more than `MAX_TEXT_MEMORY + more` bytes of memory."""
    if getsizeof(text) > MAX_TEXT_MEMORY + more:
        raise InputError(f"{source}: the object takes more than {MAX_TEXT_MEMORY:,} bytes; remove it")


def require_small_json(text: str, source: str) -> None:
    """Raises an InputError if a JSON value is too large or has too many values."""
    _require_little_memory(text, source)
    if len(text) > MAX_LINE_BYTES:
        # After an escaped backslash, a `u` is a letter and not the beginning of an escape.
        escapes = text.count("\\u") - text.count("\\\\") if text.isascii() else 0
        if len(text) - 5 * escapes > MAX_LINE_BYTES:
            raise InputError(f"{source}: the object has more than {MAX_LINE_BYTES:,} characters; remove it")
    require_few(text, _SIGNS, source)


class JsonReader:
    """Reads JSON values from a file one by one, in memory for one value.

    Args:
        file: the file.
        name: the name of the file in messages.
        encoding: encoding of the file.

    Attributes:
        count: number of values read so far.
    """

    def __init__(self, file: IO[bytes], name: str, encoding: str) -> None:
        self.count = 0
        self._name, self._encoding = name, encoding
        self._reader, self._decoder = codecs.getreader(encoding)(file), json.JSONDecoder()
        self._text, self._place = "", 0

    def character(self) -> str:
        """Return the next character that is not white space, or an empty string at the end."""
        while True:
            if spaces := _SPACES.match(self._text, self._place):
                self._place = spaces.end()
            if self._place < len(self._text) or not self._more():
                return self._text[self._place : self._place + 1]

    def skip(self) -> None:
        """Skips one character."""
        self._place += 1

    def value(self, source: str) -> Any:
        """Return the value that begins at the current position.

        Args:
            source: the name of the value in messages.

        Raises:
            InputError: the value is too large.
            ValueError, RecursionError: the text is not JSON.
        """
        if self._text[self._place] not in '"[{':
            while self._may_go_on() and self._more():
                pass
        try:
            value, end = self._decoder.raw_decode(self._text, self._place)
        except (ValueError, RecursionError):
            if not self._complete(source):
                raise
            value, end = self._decoder.raw_decode(self._text, self._place)
        require_small_json(self._text[self._place : end], source)
        self._place, self.count = end, self.count + 1
        return value

    def _more(self) -> bool:
        """Read the next piece; return whether there was one."""
        try:
            chunk = self._reader.read(_CHUNK_CHARACTERS, _CHUNK_CHARACTERS)
        except UnicodeDecodeError as error:
            wrong = f"{error.object[error.start]:#04x}"
            raise InputError(
                f"{self._name}: after object {self.count}, a byte is not {self._encoding.upper()} "
                f"({wrong}); name the encoding with --encoding"
            ) from None
        self._text, self._place = self._text[self._place :] + chunk, 0
        return bool(chunk)

    def _may_go_on(self) -> bool:
        """Return whether a number, true, false or null may continue in the next piece."""
        is_short = len(self._text) - self._place < _MAX_WORD
        return is_short and not _AFTER_WORD.search(self._text, self._place)

    def _complete(self, source: str) -> bool:
        """Read up to the end of a list, object or string; return whether more was read and it is complete."""
        value_end, complete = _ValueEnd(source), False
        while (end := value_end.find(self._text, self._place)) is None:
            _require_little_memory(self._text, source, 4 * _CHUNK_CHARACTERS)
            if not (complete := self._more()):
                return False
        require_small_json(self._text[self._place : end], source)
        return complete


class _ValueEnd:
    """Finds the end of a list, object or string that is read in pieces; each piece is scanned once.

    Args:
        source: the name of the value in messages.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._place = self._depth = self._marks = 0
        self._in_string = False

    def find(self, text: str, start: int) -> int | None:
        """Return the end of the value in a text, or None if the text does not have it yet.

        Args:
            text: the text of the previous call, and more.
            start: index of the beginning of the value.

        Raises:
            InputError: the value has too many values in it.
        """
        place = start + self._place
        while True:
            if self._in_string:
                place = text.find('"', place)
                if place < 0:
                    break
                before = place
                while text[before - 1] == "\\":
                    before -= 1
                place += 1
                self._in_string = bool((place - 1 - before) % 2)
            else:
                mark = _MARK.search(text, place)
                if mark is None:
                    break
                place = mark.end()
                if mark[0] == '"':
                    self._in_string = True
                else:
                    self._depth += 1 if mark[0] in "[{" else -1
                self._marks += 1
            if not self._in_string and self._depth <= 0:
                return place
            if self._marks > _MAX_MARKS:
                raise InputError(
                    f"{self._source}: the row has more than {MAX_PARTS:,} fields or values; remove it"
                )
        self._place = len(text) - start
        return None
