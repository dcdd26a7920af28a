"""Decompressing streams with a memory limit."""

from __future__ import annotations

import lzma
import zlib
from typing import IO, Any, cast

# Files of `xz -9` need 65 MB.
MAX_XZ_MEMORY = 96 << 20


class MemoryLimitError(Exception):
    """Decompression needs more memory than allowed; the message is the limit."""


class _Members:
    """A file of concatenated compressed streams, as gzip and xz allow; NUL bytes between them are skipped.

    Args:
        file: the compressed file.
    """

    # Bytes that are read at once.
    _PIECE: int

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._stream = file, self._begin()

    @staticmethod
    def _begin() -> Any:
        raise NotImplementedError

    def _next_member(self) -> bytes:
        """Begin the next stream and return its first bytes, or no bytes at the end of the file."""
        packed = self._stream.unused_data.lstrip(b"\0")
        while not packed:
            if not (more := self._file.read(self._PIECE)):
                return b""
            packed = more.lstrip(b"\0")
        self._stream = self._begin()
        return cast(bytes, packed)


class Gzip(_Members):
    """Decompresses .gz with zlib; `gzip.GzipFile` is slow on many headers, which it reads byte by byte."""

    _PIECE = 4096  # small, because zlib copies the unused rest after each stream

    @staticmethod
    def _begin() -> Any:
        return zlib.decompressobj(
            16 + zlib.MAX_WBITS
        )  # 16: zlib reads the gzip header and verifies the checksum

    def read(self, size: int) -> bytes:
        """Return at most `size` decompressed bytes; no bytes at the end."""
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
    """Decompresses .xz; `lzma.LZMAFile` has no memory limit."""

    _PIECE = 1 << 16

    @staticmethod
    def _begin() -> Any:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_XZ_MEMORY)

    def read(self, size: int) -> bytes:
        """Return at most `size` decompressed bytes; no bytes at the end."""
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
                if "emory" in str(error):  # only the message tells
                    raise MemoryLimitError(f"{MAX_XZ_MEMORY >> 20} MB") from None
                raise
            if data:
                return cast(bytes, data)


class Zstd:
    """Decompresses .zst with pyarrow, which has a memory limit of 128 MB."""

    def __init__(self, file: IO[bytes]) -> None:
        import pyarrow

        self._stream = pyarrow.CompressedInputStream(pyarrow.PythonFile(file, "r"), "zstd")

    def read(self, size: int) -> bytes:
        """Return at most `size` decompressed bytes; no bytes at the end."""
        try:
            return cast(bytes, self._stream.read(size))
        except OSError as error:
            if "too much memory" in str(error):  # only the message tells
                raise MemoryLimitError("128 MB") from None
            raise
