"""Sizes of the batches of an Arrow file or stream, read from their headers before a batch is decompressed.

pyarrow allocates the memory that the header of a compressed buffer asks for, and it can't return these sizes
beforehand. A header is a FlatBuffers table. This module reads a few of its fields; pyarrow verifies all of
it.

Source: the Arrow columnar format, https://arrow.apache.org/docs/format/Columnar.html (`Message.fbs`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO, NamedTuple

from keras_sentiment.data.readers.compression import FREE_BYTES, MAX_RATIO

# Limit for the decompressed bytes of a batch: the larger of MAX_BATCH_BYTES and MAX_BATCH_RATIO * compressed
# bytes. Feather writes batches of 65,536 rows; reviews are compressed to about a third.
MAX_BATCH_BYTES, MAX_BATCH_RATIO = 128 << 20, 8
# A header has 16 bytes for each buffer.
MAX_HEADER_BYTES = 16 << 20
MAGIC = b"ARROW1"
_DICTIONARY_BATCH, _RECORD_BATCH = 2, 3


class _Batch(NamedTuple):
    """A batch: its first byte in the file, its size in bytes, and its header."""

    start: int
    size: int
    header: _Table


def require_small_batches(file: IO[bytes], size: int) -> None:
    """Raises a ValueError if the batches of a file or stream would be far larger in memory than in the file.

    Args:
        file: the file, which can seek.
        size: int, bytes of the file.
    """
    try:
        total = 0
        for batch in _batches(file, size):
            total += _decompressed_size(file, batch)
            if total > FREE_BYTES + MAX_RATIO * size:
                raise ValueError(f"its decompression ratio is above {MAX_RATIO:,}")
    except (struct.error, IndexError):
        raise ValueError("a header is damaged") from None


def _batches(file: IO[bytes], size: int) -> Iterator[_Batch]:
    file.seek(0)
    behind = 0
    if file.read(len(MAGIC)) == MAGIC:
        for place in sorted(_places(file, size)):
            # Otherwise a few bytes could be read as any number of batches.
            if place < behind:
                raise ValueError("batches overlap")
            if (batch := _batch_at(file, place, size)) is None:
                raise ValueError("a batch is missing")
            yield batch
            behind = batch.start + batch.size
        return
    while (batch := _batch_at(file, behind, size)) is not None:
        yield batch
        behind = batch.start + batch.size


def _places(file: IO[bytes], size: int) -> list[int]:
    """Return the offset of each batch, from the footer of the file."""
    behind = len(MAGIC) + 4
    file.seek(max(0, size - behind))
    length = int.from_bytes(file.read(4), "little", signed=True)
    if not 0 < length <= size - behind or length > MAX_HEADER_BYTES or file.read(len(MAGIC)) != MAGIC:
        raise ValueError("its footer is missing or damaged")
    file.seek(size - behind - length)
    footer = _Table(file.read(length), 0)
    return [place for field in (2, 3) for place, *_ in footer.structs(field, "<qiiq")]


def _batch_at(file: IO[bytes], place: int, size: int) -> _Batch | None:
    """Return the batch whose header is at an offset, or None at the end."""
    file.seek(place)
    start = file.read(8)
    length = int.from_bytes(start[4:], "little", signed=True)
    place += 8
    if start[:4] != b"\xff\xff\xff\xff":  # the format before Arrow 0.15
        length, place = int.from_bytes(start[:4], "little", signed=True), place - 4
    if len(start) < 8 or length == 0:
        return None
    file.seek(place)
    if not 0 < length <= MAX_HEADER_BYTES or len(header := file.read(length)) < length:
        raise ValueError("the header of a batch is damaged")
    place, message = place + length, _Table(header, 0)
    body = message.number(3, "q")
    if not 0 <= body <= size - place:
        raise ValueError("a batch ends after the end of the file")
    return _Batch(place, body, message)


def _decompressed_size(file: IO[bytes], batch: _Batch) -> int:
    """Return the decompressed bytes of a batch, or 0 if it is not compressed."""
    kind, about = batch.header.number(1, "B"), batch.header.table(2)
    if about is not None and kind == _DICTIONARY_BATCH:
        about = about.table(1)
    if about is None or kind not in (_DICTIONARY_BATCH, _RECORD_BATCH) or about.table(3) is None:
        return 0
    total = 0
    for place, length in about.structs(2, "<qq"):
        if not (place >= 0 and length >= 0 and place + length <= batch.size):
            raise ValueError("a buffer ends after the end of its batch")
        if length >= 8:
            # The buffer begins with its decompressed size, or -1 if it is not compressed.
            file.seek(batch.start + place)
            total += max(length, int.from_bytes(file.read(8), "little", signed=True))
    if total > max(MAX_BATCH_BYTES, MAX_BATCH_RATIO * batch.size):
        raise ValueError(f"a batch has {total:,} bytes when decompressed; write smaller batches")
    return total


class _Table:
    """A FlatBuffers table.

    Args:
        data: the bytes of the header.
        place: offset of the reference to the table.
    """

    def __init__(self, data: bytes, place: int) -> None:
        self._data = data
        self._start = place + struct.unpack_from("<I", data, place)[0]
        self._fields = self._start - struct.unpack_from("<i", data, self._start)[0]
        if self._fields < 0:
            raise IndexError

    def _place(self, field: int) -> int | None:
        """Return the offset of a field, or None if the table does not have it."""
        at = 4 + 2 * field
        if at + 2 > struct.unpack_from("<H", self._data, self._fields)[0]:
            return None
        offset = struct.unpack_from("<H", self._data, self._fields + at)[0]
        return self._start + offset if offset else None

    def number(self, field: int, code: str) -> int:
        """Return a number in a field; `code` is its type in the notation of `struct`."""
        place = self._place(field)
        return 0 if place is None else int(struct.unpack_from(f"<{code}", self._data, place)[0])

    def table(self, field: int) -> _Table | None:
        """Return the table in a field, or None."""
        place = self._place(field)
        return None if place is None else _Table(self._data, place)

    def structs(self, field: int, code: str) -> Iterator[tuple[int, ...]]:
        """Return the structs of a vector as tuples; `code` is their layout in the notation of `struct`."""
        place = self._place(field)
        if place is None:
            return iter(())
        place += struct.unpack_from("<I", self._data, place)[0]
        count = struct.unpack_from("<I", self._data, place)[0]
        end = place + 4 + count * struct.calcsize(code)
        if end > len(self._data):
            raise IndexError
        return struct.iter_unpack(code, self._data[place + 4 : end])
