"""Reading of the members of a tar archive as a stream, in bounded memory and linear time.

`tarfile` is not used: Python 3.11 to 3.11.9 and 3.12 to 3.12.5 parse some headers in quadratic time
(CVE-2024-6232), and all versions keep headers of any size and number in memory.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from typing import IO

# Limits for the extended headers before a member: bytes of each, and their number. A long name takes a few
# hundred bytes, attributes take a few thousand.
MAX_HEADER_BYTES, MAX_HEADERS = 64 << 10, 8
_PAX = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
_LONG = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_LENGTH = re.compile(rb"([1-9][0-9]{0,6}) ")
_SKIP_BYTES = 1 << 20


class Member:
    """A member of an archive; it can be read only until the next member is requested.

    Attributes:
        name: path in the archive.
        size: bytes.
        is_file: whether it is a regular file.
    """

    def __init__(self, stream: IO[bytes], name: str, size: int, is_file: bool, bytes_behind: int) -> None:
        self.name, self.size, self.is_file = name, size, is_file
        self._stream, self._left = stream, bytes_behind

    def read(self) -> bytes:
        """Return the content of the member."""
        self._left -= self.size
        return _read(self._stream, self.size)

    def skip(self) -> None:
        """Skip the rest of the member."""
        while self._left:
            self._left -= len(_read(self._stream, min(self._left, _SKIP_BYTES)))


def members(stream: IO[bytes]) -> Iterator[Member]:
    """Yield the members of a tar archive.

    Args:
        stream: the decompressed bytes of the archive.

    Raises:
        tarfile.TarError: the archive is damaged or incomplete, or has headers that are too large.
    """
    while True:
        long_name: str | None = None
        pax: dict[bytes, bytes] = {}
        for _ in range(MAX_HEADERS + 1):
            block = _read(stream, tarfile.BLOCKSIZE)
            if not block.strip(b"\0"):
                return
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
            if header.type not in _PAX + _LONG:
                break
            content = _header_content(stream, header.size)
            if header.type == tarfile.GNUTYPE_LONGNAME:
                long_name = content.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")
            elif header.type != tarfile.XGLTYPE and header.type in _PAX:
                pax |= _records(content)
        else:
            raise tarfile.ReadError(f"more than {MAX_HEADERS} headers before a member")
        sparse = header.type == tarfile.GNUTYPE_SPARSE or any(key.startswith(b"GNU.sparse.") for key in pax)
        if header.type == tarfile.GNUTYPE_SPARSE:
            _skip_sparse(stream, block)
        name = pax[b"path"].decode("utf-8", "surrogateescape") if b"path" in pax else long_name or header.name
        size = _size(pax[b"size"]) if b"size" in pax else header.size
        # As in tarfile, links, folders and devices have no content, even if their header has a size.
        if not header.isreg() and header.type in tarfile.SUPPORTED_TYPES:
            size = 0
        if size < 0:
            raise tarfile.ReadError("a member has a negative size")
        member = Member(stream, name, size, header.isreg() and not sparse, _padded(size))
        yield member
        member.skip()


def _padded(size: int) -> int:
    return -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE


def _read(stream: IO[bytes], size: int) -> bytes:
    """Return `size` bytes.

    Raises:
        tarfile.ReadError: the stream has fewer bytes.
    """
    data = stream.read(size)
    if len(data) < size:
        raise tarfile.ReadError("unexpected end of data")
    return data


def _header_content(stream: IO[bytes], size: int) -> bytes:
    if not 0 <= size <= MAX_HEADER_BYTES:
        raise tarfile.ReadError(f"the header of a member is larger than {MAX_HEADER_BYTES:,} bytes")
    return _read(stream, _padded(size))[:size]


def _records(content: bytes) -> dict[bytes, bytes]:
    """Return the keys and values of a PAX header; it has records `LENGTH KEY=VALUE`."""
    found: dict[bytes, bytes] = {}
    place = 0
    while place < len(content) and content[place]:
        length = _LENGTH.match(content, place)
        end = place + int(length[1]) if length else 0
        key, equals, value = content[length.end() if length else 0 : end - 1].partition(b"=")
        if not equals or not key or content[end - 1 : end] != b"\n":
            raise tarfile.ReadError("a PAX header is damaged")
        found[key] = value
        place = end
    return found


def _size(digits: bytes) -> int:
    if not re.fullmatch(rb"[0-9]{1,18}", digits):
        raise tarfile.ReadError("the size of a member is not a number")
    return int(digits)


def _skip_sparse(stream: IO[bytes], block: bytes) -> None:
    """Skip the headers that list the holes of a sparse member."""
    place = 482  # offset of the byte that says whether another such header follows
    for _ in range(MAX_HEADERS):
        if not block[place]:
            return
        block, place = _read(stream, tarfile.BLOCKSIZE), 504
    raise tarfile.ReadError(f"more than {MAX_HEADERS} headers before a member")
