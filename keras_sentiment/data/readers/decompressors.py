"""Streams that unpack a file in bounded memory, whatever the file asks for."""

from __future__ import annotations

import lzma
import zlib
from typing import IO, Any, cast

# What it takes to unpack: `xz -9` asks for 65 MB.
MAX_XZ_MEMORY = 96 << 20


class MemoryLimitError(Exception):
    """What is packed takes more memory to unpack than it may; says how much that is."""


class _Members:
    """Streams that stand one behind another in a file, as gzip and xz have them; zeros may part them.

    Args:
        file: of what is packed.
    """

    # Bytes that are read at once.
    _PIECE: int

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._stream = file, self._begin()

    @staticmethod
    def _begin() -> Any:
        raise NotImplementedError

    def _next_member(self) -> bytes:
        """Begin the stream behind the one that has ended, and return its first bytes; none at the end."""
        packed = self._stream.unused_data.lstrip(b"\0")
        while not packed:
            if not (more := self._file.read(self._PIECE)):
                return b""
            packed = more.lstrip(b"\0")
        self._stream = self._begin()
        return cast(bytes, packed)


class Gzip(_Members):
    """What is packed as .gz, unpacked by zlib; `gzip.GzipFile` reads the headers byte by byte in Python."""

    _PIECE = 4096  # behind each member zlib copies what is left of them

    @staticmethod
    def _begin() -> Any:
        return zlib.decompressobj(16 + zlib.MAX_WBITS)  # which reads headers and compares sums

    def read(self, size: int) -> bytes:
        """Return some bytes, at most so many; none at the end."""
        while True:
            if self._stream.eof:
                if not (packed := self._next_member()):
                    return b""
            else:
                packed = self._stream.unconsumed_tail or self._file.read(self._PIECE)
            if data := self._stream.decompress(packed, size):
                return cast(bytes, data)
            if not packed and not self._stream.eof:
                raise EOFError("it ends too early")


class Xz(_Members):
    """What is packed as .xz; `lzma.LZMAFile` takes what memory the file asks for."""

    _PIECE = 1 << 16

    @staticmethod
    def _begin() -> Any:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_XZ_MEMORY)

    def read(self, size: int) -> bytes:
        """Return some bytes, at most so many; none at the end."""
        while True:
            packed = b""
            if self._stream.eof:
                if not (packed := self._next_member()):
                    return b""
            elif self._stream.needs_input and not (packed := self._file.read(self._PIECE)):
                raise EOFError("it ends too early")
            try:
                data = self._stream.decompress(packed, size)
            except lzma.LZMAError as error:
                if "emory" in str(error):  # there is no other sign of it
                    raise MemoryLimitError(f"{MAX_XZ_MEMORY >> 20} MB") from None
                raise
            if data:
                return cast(bytes, data)


class Zstd:
    """What is packed as .zst; pyarrow refuses by itself what takes more than 128 MB to unpack."""

    def __init__(self, file: IO[bytes]) -> None:
        import pyarrow

        self._stream = pyarrow.CompressedInputStream(pyarrow.PythonFile(file, "r"), "zstd")

    def read(self, size: int) -> bytes:
        """Return some bytes, at most so many; none at the end."""
        try:
            return cast(bytes, self._stream.read(size))
        except OSError as error:
            if "too much memory" in str(error):  # there is no other sign of it
                raise MemoryLimitError("128 MB") from None
            raise
