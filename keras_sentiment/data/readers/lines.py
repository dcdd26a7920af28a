"""Reading of the lines of a text file: found in its bytes, and decoded one by one."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import IO

from keras_sentiment.data.reviews import MAX_REVIEW_BYTES
from keras_sentiment.errors import InputError

# Limit for a line or a row of several lines. It allows two texts of maximal length, and protects against a
# file without line ends that is larger than memory.
MAX_LINE_BYTES = 2 * MAX_REVIEW_BYTES
# Limit for a line of JSON, in which six bytes such as `\u00e9` can be one character of two bytes.
MAX_JSON_BYTES = 4 * MAX_REVIEW_BYTES
# Limit for the memory of a decoded line: 4 bytes for each character of the longest text, and other columns.
MAX_TEXT_MEMORY = 4 * MAX_REVIEW_BYTES + (2 << 20)
# Limit for the fields, values or escapes of a row, each of which takes about a hundred bytes of memory.
MAX_PARTS = 500_000
# Limit for empty lines: FREE_BLANKS + MAX_BLANKS * other lines. A compressed file of empty lines may be tiny
# and take minutes to read.
FREE_BLANKS, MAX_BLANKS = 100_000, 10

# The encoding of each byte order mark, the longer marks first.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
# Encodings to suggest for bytes that are not UTF-8, the most frequent first.
_OTHERS = ("cp1252", "cp1251", "cp1250", "mac-roman", "gb18030", "cp932", "euc-kr", "big5")
MAX_READINGS = 6  # encodings that a message suggests
# A line is empty if it has at most 64 bytes and only these; NUL is part of a space in UTF-16 and UTF-32.
_BLANK, _BLANK_BYTES = b" \t\r\n\0", 64
# In UTF-8, the first byte of a character beyond U+FFFF, and the continuation bytes.
_BEYOND, _FOLLOWING = re.compile(b"[\xf0-\xf4]"), bytes(range(0x80, 0xC0))
# A word with a byte that is not ASCII.
_WORD = re.compile(rb"[^\s,;|\"<>()]{0,24}[\x80-\xff][^\s,;|\"<>()]{0,24}")


def marked_encoding(start: bytes) -> tuple[str | None, int]:
    """Return the encoding of the byte order mark at the start, or None, and the mark's length in bytes."""
    for mark, encoding in _MARKS.items():
        if start.startswith(mark):
            return encoding, len(mark)
    return None, 0


def require_few(text: str, signs: str, source: str) -> None:
    """Raises an InputError if a row has more than `MAX_PARTS` fields or values.

    Args:
        text: the row.
        signs: characters that begin a field or value.
        source: file and row, for messages.
    """
    if len(text) > MAX_PARTS and sum(map(text.count, signs)) > MAX_PARTS:
        raise InputError(f"{source}: the row has more than {MAX_PARTS:,} fields or values; remove it")


def require_no_wide(start: bytes, source: str) -> None:
    """Raises an InputError if many bytes are NUL, as in UTF-16 without a byte order mark."""
    if 5 * start.count(0) > len(start):
        last = start[1::2].count(0) > start[::2].count(0)
        raise InputError(
            f"{source}: many of its bytes are NUL, as in UTF-16; use --encoding "
            f"utf-16-{'le' if last else 'be'}"
        )


def decode(data: bytes, source: str, encoding: str | None = None) -> str:
    """Return decoded bytes, without a byte order mark.

    Args:
        data: the bytes.
        source: the name of the text in messages.
        encoding: the encoding; by default that of the byte order mark, else UTF-8.

    Raises:
        InputError: the bytes are in another encoding; the message suggests some.

    Example:
        >>> decode(b"caf\\xe9", "a.txt", "cp1252")
        'café'
    """
    marked, skipped = marked_encoding(data)
    encoding = marked or encoding or "utf-8"
    if encoding == "utf-8":
        require_no_wide(data[:4096], source)
    return _decode(data[skipped:], source, encoding)


def _decode(data: bytes, source: str, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        place = f"{source}: byte {error.start + 1} is not {encoding.upper()} ({data[error.start]:#04x})"
        fix = _readings(data) if encoding == "utf-8" else ""
        other = "save it as UTF-8, or name its encoding with --encoding"
        raise InputError(f"{place}; {fix or other}") from None


def _readings(data: bytes) -> str:
    """Return advice that shows two words in each encoding that fits, or an empty string if none fits."""
    words = _WORD.findall(data[:1_000_000])[:2]
    found: dict[str, str] = {}
    for encoding in _OTHERS:
        try:
            text = " ".join(word.decode(encoding) for word in words)
        except UnicodeDecodeError:
            continue
        if text.isprintable():
            found.setdefault(text, encoding)
    shown = [f"'{text}' in {encoding}" for text, encoding in list(found.items())[:MAX_READINGS]]
    return f"name its encoding with --encoding; its words are {', '.join(shown)}" if shown else ""


def _is_wide(data: bytes) -> bool:
    """Return whether a line of UTF-8 takes too much memory as text.

    One character beyond U+FFFF makes Python use four bytes for every character of a string.
    """
    if len(data) <= MAX_REVIEW_BYTES or data.isascii() or not _BEYOND.search(data):
        return False
    return 4 * len(data.translate(None, _FOLLOWING)) > MAX_TEXT_MEMORY


class Lines:
    """The lines of a file from its current position; no line is read ahead.

    Only \\n ends a line, so that the line numbers are those of an editor.

    Args:
        file: the file.
        name: the name of the file in messages.
        encoding: encoding of the file.
        line: number of the line at the current position.
        place: number of the byte at the current position.
        most: maximal bytes of a line.
    """

    def __init__(
        self,
        file: IO[bytes],
        name: str,
        encoding: str = "utf-8",
        line: int = 1,
        place: int = 0,
        most: int = MAX_LINE_BYTES,
    ) -> None:
        self._most = most
        self.name, self.encoding, self.line, self.place = name, encoding, line, place
        self._file = file
        self._end = "\n".encode(encoding)

    def __iter__(self) -> Iterator[tuple[int, str, InputError | None]]:
        """Yield the number of each line, its text, and None or the error if it can't be decoded."""
        blank, filled = 0, 0
        while data := self._read():
            number = self.line
            if _is_wide(data):
                raise InputError(
                    f"{self.name}:{number}: the line has more than {MAX_TEXT_MEMORY >> 2:,} characters, "
                    "which take four bytes each; divide it"
                )
            # Only an ASCII line can have the escapes that allow the higher limit; they are counted later.
            if len(data) > (self._most if data.isascii() else MAX_LINE_BYTES):
                raise InputError(
                    f"{self.name}:{number}: the line has more than {MAX_LINE_BYTES:,} bytes; divide it"
                )
            self.line, self.place = number + 1, self.place + len(data)
            if len(data) > _BLANK_BYTES or data.strip(_BLANK):
                filled += 1
            elif (blank := blank + 1) > FREE_BLANKS + MAX_BLANKS * filled:
                raise InputError(
                    f"{self.name}:{number}: {blank:,} lines so far are empty, and {filled:,} are not; remove "
                    "the empty lines"
                )
            wrong: InputError | None = None
            try:
                line = _decode(data, f"{self.name}:{number}", self.encoding)
            except InputError as error:
                line, wrong = data.decode(self.encoding, "replace"), error
            del data  # frees the bytes of a long line
            yield number, line, wrong

    def _read(self) -> bytes:
        line = self._file.readline(self._most + 1)
        # In UTF-16 and UTF-32, the byte of \n may be a part of another character.
        while len(self._end) > 1 and line and len(line) <= self._most:
            line += self._file.read(-len(line) % len(self._end))
            if line.endswith(self._end):
                break
            if not (more := self._file.readline(self._most + 1 - len(line))):
                break
            line += more
        return line
