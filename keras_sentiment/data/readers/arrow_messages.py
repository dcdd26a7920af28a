"""The batches of an Arrow file or stream, by what their headers say, before one is unpacked.

pyarrow gives a buffer that is compressed the memory that it asks for, and there is no way to ask for the sum
before. A header is a table of FlatBuffers, of which a few fields are needed; pyarrow verifies all of it.

Source: the Arrow columnar format, https://arrow.apache.org/docs/format/Columnar.html (`Message.fbs`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO, NamedTuple

from keras_sentiment.data.readers.compression import FREE_BYTES, MAX_RATIO

# Bytes of a batch that is unpacked: so many, or so many times those that it has in the file. Feather has
# 65,536 rows in one, of which reviews are packed to a third.
MAX_BATCH_BYTES, MAX_BATCH_RATIO = 128 << 20, 8
# Of a header, which has 16 bytes for each buffer.
MAX_HEADER_BYTES = 16 << 20
MAGIC = b"ARROW1"
_DICTIONARY_BATCH, _RECORD_BATCH = 2, 3


class _Batch(NamedTuple):
    """What a header tells of: where it begins, its bytes in the file, and the header."""

    start: int
    size: int
    header: _Table


def require_small_batches(file: IO[bytes], size: int) -> None:
    """Raises a ValueError if batches of a file or stream would be far larger in memory than in the file.

    Args:
        size: of the file.
    """
    try:
        total = 0
        for batch in _batches(file, size):
            total += _unpacked_size(file, batch)
            if total > FREE_BYTES + MAX_RATIO * size:
                raise ValueError(f"its batches unpack to more than {MAX_RATIO:,} times its size")
    except (struct.error, IndexError):
        raise ValueError("a header is damaged") from None


def _batches(file: IO[bytes], size: int) -> Iterator[_Batch]:
    file.seek(0)
    behind = 0
    if file.read(len(MAGIC)) == MAGIC:
        for place in sorted(_places(file, size)):
            # Else a few bytes would be read as any number of batches.
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
    """Return where each batch of a file begins, as its footer says."""
    behind = len(MAGIC) + 4
    file.seek(max(0, size - behind))
    length = int.from_bytes(file.read(4), "little", signed=True)
    if not 0 < length <= size - behind or length > MAX_HEADER_BYTES or file.read(len(MAGIC)) != MAGIC:
        raise ValueError("it doesn't end as one")
    file.seek(size - behind - length)
    footer = _Table(file.read(length), 0)
    return [place for field in (2, 3) for place, *_ in footer.structs(field, "<qiiq")]


def _batch_at(file: IO[bytes], place: int, size: int) -> _Batch | None:
    """Return the batch whose header is at a place; None if there is none."""
    file.seek(place)
    start = file.read(8)
    length = int.from_bytes(start[4:], "little", signed=True)
    place += 8
    if start[:4] != b"\xff\xff\xff\xff":  # as before version 0.15
        length, place = int.from_bytes(start[:4], "little", signed=True), place - 4
    if len(start) < 8 or length == 0:
        return None
    file.seek(place)
    if not 0 < length <= MAX_HEADER_BYTES or len(header := file.read(length)) < length:
        raise ValueError("the header of a batch is damaged")
    place, message = place + length, _Table(header, 0)
    body = message.number(3, "q")
    if not 0 <= body <= size - place:
        raise ValueError("a batch ends behind the file")
    return _Batch(place, body, message)


def _unpacked_size(file: IO[bytes], batch: _Batch) -> int:
    """Return the bytes of a batch that is packed when it is unpacked; 0 of what isn't packed."""
    kind, about = batch.header.number(1, "B"), batch.header.table(2)
    if about is not None and kind == _DICTIONARY_BATCH:
        about = about.table(1)
    if about is None or kind not in (_DICTIONARY_BATCH, _RECORD_BATCH) or about.table(3) is None:
        return 0
    total = 0
    for place, length in about.structs(2, "<qq"):
        if not (place >= 0 and length >= 0 and place + length <= batch.size):
            raise ValueError("a buffer ends behind its batch")
        if length >= 8:
            # Its bytes when it is unpacked; -1 where it is not packed.
            file.seek(batch.start + place)
            total += max(length, int.from_bytes(file.read(8), "little", signed=True))
    if total > max(MAX_BATCH_BYTES, MAX_BATCH_RATIO * batch.size):
        raise ValueError(f"a batch unpacks to {total:,} bytes; write it in batches of fewer rows")
    return total


class _Table:
    """A table of FlatBuffers: a reference to it stands at a place."""

    def __init__(self, data: bytes, place: int) -> None:
        self._data = data
        self._start = place + struct.unpack_from("<I", data, place)[0]
        self._fields = self._start - struct.unpack_from("<i", data, self._start)[0]
        if self._fields < 0:
            raise IndexError

    def _place(self, field: int) -> int | None:
        """Return where a field stands, if it is there."""
        at = 4 + 2 * field
        if at + 2 > struct.unpack_from("<H", self._data, self._fields)[0]:
            return None
        offset = struct.unpack_from("<H", self._data, self._fields + at)[0]
        return self._start + offset if offset else None

    def number(self, field: int, code: str) -> int:
        """Return a number, of the type that `struct` calls so."""
        place = self._place(field)
        return 0 if place is None else int(struct.unpack_from(f"<{code}", self._data, place)[0])

    def table(self, field: int) -> _Table | None:
        """Return a table in a field."""
        place = self._place(field)
        return None if place is None else _Table(self._data, place)

    def structs(self, field: int, code: str) -> Iterator[tuple[int, ...]]:
        """Return the structs in a vector, each of numbers of the types that `struct` calls so."""
        place = self._place(field)
        if place is None:
            return iter(())
        place += struct.unpack_from("<I", self._data, place)[0]
        count = struct.unpack_from("<I", self._data, place)[0]
        end = place + 4 + count * struct.calcsize(code)
        if end > len(self._data):
            raise IndexError
        return struct.iter_unpack(code, self._data[place + 4 : end])
