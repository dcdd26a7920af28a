"""Lines of a file of text: found in its bytes, and decoded one by one."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import IO

from keras_sentiment.data.reviews import MAX_REVIEW_BYTES
from keras_sentiment.errors import InputError

# Bytes of a line or of a row of several lines, which may hold several texts. A file without line ends need
# not fit into memory.
MAX_LINE_BYTES = 2 * MAX_REVIEW_BYTES
# Of one of JSON, in which `\u00e9` may stand for a character of two bytes, and two such for one of four.
MAX_JSON_BYTES = 4 * MAX_REVIEW_BYTES
# That a line takes as text: four for each character of the longest text, and of what stands around it.
MAX_TEXT_MEMORY = 4 * MAX_REVIEW_BYTES + (2 << 20)
# Fields, values or escapes of a row, each of which takes some hundred bytes of memory.
MAX_PARTS = 500_000
# Lines that are empty, and how many more of them for each that is not: a file of nothing else is packed to a
# thousandth, and takes minutes.
FREE_BLANKS, MAX_BLANKS = 100_000, 10

# What a file may begin with, the longer ones first, and its encoding.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
# What bytes that are not UTF-8 may be, the most frequent first.
_OTHERS = ("cp1252", "cp1251", "cp1250", "mac-roman", "gb18030", "cp932", "euc-kr", "big5")
MAX_READINGS = 6  # of those that a message shows
# Of a line that is looked at for being empty, in UTF-16 and 32 too: the bytes, and how many.
_BLANK, _BLANK_BYTES = b" \t\r\n\0", 64
# The first byte of a character beyond U+FFFF in UTF-8, and the others of any character.
_BEYOND, _FOLLOWING = re.compile(b"[\xf0-\xf4]"), bytes(range(0x80, 0xC0))
# A word with a byte above ASCII's.
_WORD = re.compile(rb"[^\s,;|\"<>()]{0,24}[\x80-\xff][^\s,;|\"<>()]{0,24}")


def marked_encoding(start: bytes) -> tuple[str | None, int]:
    """Return the encoding of which bytes have the byte order mark, and how many bytes the mark takes."""
    for mark, encoding in _MARKS.items():
        if start.startswith(mark):
            return encoding, len(mark)
    return None, 0


def require_few(text: str, signs: str, source: str) -> None:
    """Raises an InputError for a row with far more fields or values than a table has columns.

    Args:
        signs: each of which makes one.
    """
    if len(text) > MAX_PARTS and sum(map(text.count, signs)) > MAX_PARTS:
        raise InputError(f"{source}: a row of more than {MAX_PARTS:,} fields or values; remove it")


def require_no_wide(start: bytes, source: str) -> None:
    """Raises an InputError for bytes of which many are NUL: UTF-16 without its mark."""
    if 5 * start.count(0) > len(start):
        last = start[1::2].count(0) > start[::2].count(0)
        raise InputError(
            f"{source}: every other byte is NUL, as in UTF-16; try --encoding utf-16-{'le' if last else 'be'}"
        )


def decode(data: bytes, source: str, encoding: str | None = None) -> str:
    """Return the bytes of a text, without a byte order mark, as text.

    Args:
        encoding: by default that of a byte order mark, else UTF-8.

    Raises:
        InputError: they are in another encoding; names `source`, and those that would fit.
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
        raise InputError(f"{place}; {fix or 'save it as UTF-8, or name its --encoding'}") from None


def _readings(data: bytes) -> str:
    """Return what two words would be in the encodings that fit, with the option that names one."""
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
    return f"name its --encoding: it reads {', '.join(shown)}" if shown else ""


def _is_wide(data: bytes) -> bool:
    """Return whether UTF-8 takes far more memory as text: one character beyond U+FFFF makes all so large."""
    if len(data) <= MAX_REVIEW_BYTES or data.isascii() or not _BEYOND.search(data):
        return False
    return 4 * len(data.translate(None, _FOLLOWING)) > MAX_TEXT_MEMORY


class Lines:
    """The lines of a file from where it stands; none is read ahead.

    A line is what the file holds between two \\n, so that numbers agree with an editor's.

    Args:
        name: what a message calls the file.
        encoding: of its bytes.
        line: number of the line at which the file stands.
        place: number of the byte at which it stands.
        most: bytes of a line.
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
        """Yield the number of each line, its text, and what is wrong with it."""
        blank, filled = 0, 0
        while data := self._read():
            number = self.line
            if _is_wide(data):
                raise InputError(
                    f"{self.name}:{number}: a line of more than {MAX_TEXT_MEMORY >> 2:,} characters, of four "
                    "bytes each; break it"
                )
            # What is longer than others are is so by its escapes alone; and whether it is, is seen later.
            if len(data) > (self._most if data.isascii() else MAX_LINE_BYTES):
                raise InputError(
                    f"{self.name}:{number}: a line of more than {MAX_LINE_BYTES:,} bytes; break it"
                )
            self.line, self.place = number + 1, self.place + len(data)
            if len(data) > _BLANK_BYTES or data.strip(_BLANK):
                filled += 1
            elif (blank := blank + 1) > FREE_BLANKS + MAX_BLANKS * filled:
                raise InputError(
                    f"{self.name}:{number}: {blank:,} lines are empty, and {filled:,} are not; remove empty "
                    "lines"
                )
            wrong: InputError | None = None
            try:
                line = _decode(data, f"{self.name}:{number}", self.encoding)
            except InputError as error:
                line, wrong = data.decode(self.encoding, "replace"), error
            del data  # a long line needn't be there twice
            yield number, line, wrong

    def _read(self) -> bytes:
        line = self._file.readline(self._most + 1)
        # In UTF-16 and 32 the byte of a line end may be half of another character.
        while len(self._end) > 1 and line and len(line) <= self._most:
            line += self._file.read(-len(line) % len(self._end))
            if line.endswith(self._end):
                break
            if not (more := self._file.readline(self._most + 1 - len(line))):
                break
            line += more
        return line
