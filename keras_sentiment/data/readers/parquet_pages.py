"""Sizes of the pages of a Parquet file, read from the footer and page headers before a page is decompressed.

pyarrow allocates the memory that a page header asks for, and it aborts the process on some damaged footers.
So this module reads both itself: they are structs in Thrift's compact protocol, and a few fields are needed.

Source: the Parquet format's `parquet.thrift`, https://github.com/apache/parquet-format.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any, NamedTuple

MAGIC = b"PAR1"
# Limits for a footer. Each column of a row group takes about five structs, with a hundred bytes of memory
# each, and about forty values.
MAX_FOOTER_BYTES = 64 << 20
MAX_STRUCTS, MAX_VALUES = 300_000, 3_000_000
# Limit for the values in a page header, which usually has about twenty.
MAX_HEADER_VALUES = 1000
MAX_DEPTH = 16
# A page header may contain the minimum and the maximum of its texts.
HEADER_BYTES, MAX_HEADER_BYTES = 1 << 10, 1 << 20
_I32, _I64, _BINARY, _LIST, _STRUCT = 5, 6, 8, 9, 12
_DICTIONARY_PAGE = 2
# For each page type, the number of the header field that describes the page.
_KINDS = {0: 5, 2: 7, 3: 8}
# In this encoding, each value shares a prefix with the previous one, so it may be as long as the whole page.
DELTA_BYTE_ARRAY = 7

# The fields of a struct, by number and type.
Fields = dict[tuple[int, int], Any]


class Chunk(NamedTuple):
    """A column chunk: a column of a row group.

    Args:
        start: offset of its first page in the file.
        size: bytes of its pages, compressed.
        values: number of its values.
    """

    start: int
    size: int
    values: int


class Page(NamedTuple):
    """A page of a column chunk.

    Args:
        size: bytes, decompressed.
        values: number of its values.
        is_dictionary: whether it is a dictionary page, to whose values the other pages refer by index.
        encoding: number of the encoding of the values.
    """

    size: int
    values: int
    is_dictionary: bool
    encoding: int


def row_groups(file: IO[bytes], size: int) -> list[list[Chunk]]:
    """Return the column chunks of each row group, in the order of the schema's columns.

    Args:
        file: the file, which can seek.
        size: int, bytes of the file.

    Raises:
        ValueError: the file is not Parquet, or its footer is damaged or too large.
    """
    file.seek(max(0, size - 8))
    end = file.read(8)
    length = int.from_bytes(end[:4], "little")
    if len(end) < 8 or end[4:] != MAGIC or length > min(size - 12, MAX_FOOTER_BYTES):
        raise ValueError("its footer is missing or damaged")
    file.seek(size - 8 - length)
    footer = _Struct(file.read(length)).read()
    groups = [[_chunk(chunk) for chunk in group[1, _LIST]] for group in footer.get((4, _LIST), [])]
    behind = 0
    # Otherwise a few bytes could be read as any number of row groups. The offset of an empty chunk has no
    # meaning.
    for chunk in sorted(chunk for group in groups for chunk in group if chunk.size and chunk.values > 0):
        if chunk.size < 0 or chunk.start < behind:
            raise ValueError("columns of row groups overlap")
        behind = chunk.start + chunk.size
    if behind > size:
        raise ValueError("a column of a row group ends after the end of the file")
    return groups


def _chunk(chunk: Fields) -> Chunk:
    about: Fields = chunk[3, _STRUCT]
    start, dictionary = about[9, _I64], about.get((11, _I64), 0)
    # pyarrow does the same.
    start = dictionary if 0 < dictionary < start else start
    return Chunk(start, about[7, _I64], about[5, _I64])


def pages(file: IO[bytes], chunk: Chunk) -> Iterator[Page]:
    """Yield the pages of a column chunk; only their headers are read.

    Raises:
        ValueError: a header is damaged.
    """
    place, seen = chunk.start, 0
    # Some writers do not count the header of the dictionary page; pyarrow adds 100 bytes too.
    end = chunk.start + chunk.size + 100
    while seen < chunk.values and place < end:
        file.seek(place)
        header, length = _header(file)
        kind, size, packed = header[1, _I32], header[2, _I32], header[3, _I32]
        place += length + packed
        if place > end:
            raise ValueError("a page ends after the end of its column")
        about: Fields = header.get((_KINDS.get(kind, 0), _STRUCT), {})
        values = about.get((1, _I32), 0)
        if min(size, packed, values) < 0:
            raise ValueError("a page has a negative size")
        encoding = about.get((4 if kind == 3 else 2, _I32), 0)
        if kind != _DICTIONARY_PAGE:
            seen += values
        yield Page(size, values, kind == _DICTIONARY_PAGE, encoding)


def _header(file: IO[bytes]) -> tuple[Fields, int]:
    """Return the page header at the current position of a file, and its length in bytes."""
    data, most = b"", HEADER_BYTES
    while True:
        more = file.read(most - len(data))
        struct = _Struct(data := data + more, MAX_HEADER_VALUES)
        try:
            return struct.read(), struct.place
        except IndexError:
            if not more or most >= MAX_HEADER_BYTES:
                raise ValueError("the header of a page is damaged") from None
            most *= 4


class _Struct:
    """Reads one Thrift struct from bytes, with at most `most` values."""

    def __init__(self, data: bytes, most: int = MAX_VALUES) -> None:
        self.data, self.place, self._structs = data, 0, 0
        self._values_left = most

    def read(self, depth: int = 0) -> Fields:
        """Return the fields of the struct.

        Raises:
            IndexError: the bytes end before the struct.
            ValueError: the struct is damaged.
        """
        self._structs += 1
        if self._structs > MAX_STRUCTS or depth > MAX_DEPTH:
            raise ValueError("its footer has too many columns and row groups")
        found: Fields = {}
        field = 0
        while byte := self._byte():
            kind = byte & 15
            field = field + (byte >> 4) if byte >> 4 else self._signed()
            # A boolean field has its value in its type.
            found[field, kind] = kind == 1 if kind in (1, 2) else self._value(kind, depth)
        return found

    def _byte(self) -> int:
        self.place += 1
        return self.data[self.place - 1]

    def _number(self) -> int:
        number = shift = 0
        while True:
            byte = self._byte()
            number |= (byte & 127) << shift
            if byte < 128:
                return number
            if (shift := shift + 7) > 63:
                raise ValueError("a number is too long")

    def _signed(self) -> int:
        number = self._number()
        return (number >> 1) ^ -(number & 1)

    def _bytes(self, size: int) -> bytes:
        start, self.place = self.place, self.place + size
        if self.place > len(self.data):
            raise IndexError
        return self.data[start : self.place]

    def _value(self, kind: int, depth: int) -> Any:
        self._values_left -= 1
        if depth > MAX_DEPTH or self._values_left < 0:
            raise ValueError("its footer or a page header has too many values")
        if kind in (4, _I32, _I64):
            return self._signed()
        if kind in (1, 2, 3):  # in a list, a boolean is one byte
            return self._byte()
        if kind == _BINARY:
            return self._bytes(self._number())
        if kind in (7, 13):
            return self._bytes(8 if kind == 7 else 16)
        if kind in (_LIST, 10):
            byte = self._byte()
            count = byte >> 4 if byte >> 4 < 15 else self._number()
            if count > len(self.data):  # each element has at least one byte
                raise ValueError("a list is longer than the file")
            return [self._value(byte & 15, depth + 1) for _ in range(count)]
        if kind == _STRUCT:
            return self.read(depth + 1)
        raise ValueError("a field has an unknown type")
