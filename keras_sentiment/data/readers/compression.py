"""Opening of files that may be compressed."""

from __future__ import annotations

import bz2
import contextlib
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple, cast

from keras_sentiment.data.config import TABLE_FORMATS
from keras_sentiment.data.readers.decompressors import Gzip, MemoryLimitError, Xz, Zstd
from keras_sentiment.errors import InputError, first_line

# Limits for the decompressed bytes of a file: MAX_UNPACKED_BYTES, and FREE_BYTES + MAX_RATIO * compressed
# bytes. Reviews are compressed to a third or less; only a decompression bomb has a ratio of a thousand.
MAX_UNPACKED_BYTES = 64 << 30
FREE_BYTES, MAX_RATIO = 32 << 20, 1000
# Limit for the bytes of the central directory of a .zip; a hundred names take about ten thousand.
MAX_ZIP_DIRECTORY = 1 << 20
ENDINGS = {
    **{f".{name}": name for name in TABLE_FORMATS},
    ".tab": "tsv",
    ".ndjson": "jsonl",
    ".pq": "parquet",
    ".feather": "arrow",
}
SPREADSHEETS = (".xlsx", ".xls", ".ods")


# The first bytes of zstd: of a frame, and of the skippable frames that some writers put first.
_ZSTD = (b"\x28\xb5\x2f\xfd", *(bytes([kind]) + b"\x2a\x4d\x18" for kind in range(0x50, 0x60)))
# For each compression: name, file extension, possible first bytes, and the decompressing stream.
_KINDS: tuple[tuple[str, str, tuple[bytes, ...], Callable[[IO[bytes]], Any]], ...] = (
    ("gzip", ".gz", (b"\x1f\x8b",), Gzip),
    ("bzip2", ".bz2", (b"BZh",), bz2.BZ2File),
    ("xz", ".xz", (b"\xfd7zXZ\0",), Xz),
    ("zstd", ".zst", _ZSTD, Zstd),
)
_ZIP = ("zip", ".zip", b"PK\x03\x04")
# The end-of-central-directory record, with the size of the directory; a comment may follow it.
_ZIP_END = re.compile(rb"PK\x05\x06(?=.{8}(.{4}))", re.DOTALL)
_ZIP64_END = re.compile(rb"PK\x06\x06(?=.{36}(.{8}))", re.DOTALL)
_ZIP_TAIL = 1 << 17
COMPRESSED_ENDINGS = (*(ending for _, ending, _, _ in _KINDS), ".zip")


class Opened(NamedTuple):
    """A decompressed file, which can be read once from its start.

    Args:
        file: the decompressed bytes.
        name: name of the decompressed file.
        compression: `"gzip"`, `"bzip2"`, `"xz"`, `"zstd"`, `"zip"`, or None.
    """

    file: Unpacked
    name: str
    compression: str | None


class Unpacked(io.RawIOBase):
    """The decompressed bytes of a file; it raises an InputError if the file is damaged.

    Args:
        file: the decompressing stream, or the file itself.
        name: the name of the file in messages.
        packed: returns the number of compressed bytes read so far; None if the file is not compressed.

    Attributes:
        count: number of bytes returned so far.
    """

    def __init__(self, file: IO[bytes], name: str, packed: Callable[[], int] | None = None) -> None:
        # `read1` returns the bytes of a pipe as soon as they arrive.
        self._read: Callable[[int], bytes] = getattr(file, "read1", file.read)
        self._name, self._packed, self._start = name, packed, b""
        self.count = 0

    def readable(self) -> bool:
        return True

    def start(self, size: int) -> bytes:
        """Return the first `size` bytes, or fewer at the end of the file; reading still starts with them."""
        while len(self._start) < size and (data := self._next(size - len(self._start))):
            self._start += data
        return self._start[:size]

    def readinto(self, buffer: Any) -> int:
        size = len(buffer)
        data = self._start[:size] or self._next(size)
        self._start = self._start[size:]
        buffer[: len(data)] = data
        return len(data)

    def _next(self, size: int) -> bytes:
        try:
            data = self._read(size)
        except InputError:
            raise
        except MemoryLimitError as error:
            reason = f"decompression needs more than {error} of memory"
            raise InputError(f"{self._name}: {reason}; decompress it yourself first") from None
        except (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, OSError, ValueError) as error:
            reason = f"it is damaged ({first_line(error)})"
            raise InputError(f"{self._name}: {reason}; download or copy it again") from None
        except MemoryError:
            reason = "decompression needs too much memory"
            raise InputError(f"{self._name}: {reason}; decompress it yourself first") from None
        self.count += len(data)
        if self._packed is not None:
            require_ratio(self.count, self._packed(), self._name)
        return data


def require_ratio(unpacked: int, packed: int, name: str) -> None:
    """Raises an InputError if the decompressed size or the decompression ratio is too high.

    Args:
        unpacked: int, decompressed bytes so far.
        packed: int, compressed bytes so far.
        name: the name of the file in messages.
    """
    if unpacked > MAX_UNPACKED_BYTES:
        raise InputError(
            f"{name}: it has more than {MAX_UNPACKED_BYTES:,} bytes when decompressed; divide it into "
            "several files"
        )
    if unpacked > FREE_BYTES + MAX_RATIO * packed:
        raise InputError(
            f"{name}: its decompression ratio is above {MAX_RATIO:,}, which suggests a decompression bomb; "
            "if the texts are real, write the file without compression"
        )


def unpacked(file: IO[bytes], name: str) -> Opened:
    """Decompress a file while it is read; a file that is not compressed is read as it is."""
    whole = Unpacked(file, name)
    start = whole.start(6)
    for kind, _, magic, opener in _KINDS:
        if start.startswith(magic):
            packed = opener(cast(IO[bytes], io.BufferedReader(whole)))
            return Opened(Unpacked(packed, name, lambda: whole.count), plain_name(name), kind)
    return Opened(whole, name, None)


def plain_name(name: str) -> str:
    """Return a file name without the extension of its compression."""
    return name[: -len(Path(name).suffix)] if name.lower().endswith(COMPRESSED_ENDINGS) else name


def format_of(name: str) -> str | None:
    """Return the table format of a file extension, or None."""
    return ENDINGS.get(PurePosixPath(plain_name(name)).suffix.lower())


def open_file(source: Path | IO[bytes], name: str, files: contextlib.ExitStack) -> IO[bytes]:
    """Open a path, which `files` closes later, or return the file that is already open."""
    if not isinstance(source, Path):
        return source
    try:
        return files.enter_context(source.open("rb"))
    except OSError as error:
        raise InputError(f"{name}: it can't be read ({error.strerror}); name another file") from None


@contextlib.contextmanager
def open_unpacked(source: Path | IO[bytes], name: str) -> Iterator[Opened]:
    """Open a file; a compressed one is decompressed while it is read.

    Args:
        source: a path, or an open file, which must be able to seek only for a .zip.
        name: the name of the file in messages.

    Raises:
        InputError: the file can't be opened; while it is read, it is damaged.
    """
    with contextlib.ExitStack() as files:
        opened = unpacked(source := open_file(source, name, files), name)
        if opened.compression is None and opened.file.start(6).startswith(_ZIP[2]):
            opened = files.enter_context(_zip_member(source, name))
        yield opened


@contextlib.contextmanager
def _zip_member(source: IO[bytes], name: str) -> Iterator[Opened]:
    """Open the only table in a .zip."""
    if name.lower().endswith(SPREADSHEETS):
        raise InputError(f"{name}: it is a spreadsheet; save it as CSV UTF-8")
    if not source.seekable():
        raise InputError(f"{name}: a .zip can't be read from a pipe; give its path")
    try:
        size = _require_directory(source, name)
        archive = zipfile.ZipFile(source)
        members = [
            member
            for member in archive.infolist()
            if format_of(member.filename)
            and not member.filename.startswith("__MACOSX/")
            and not PurePosixPath(member.filename).name.startswith(".")
        ]
        if len(members) != 1:
            found = ", ".join(member.filename for member in members[:5]) or "no table"
            wrong = f"it has {found}, and it must have exactly one table"
            raise InputError(f"{name}: {wrong}; extract it and name the files")
        if members[0].compress_type == zipfile.ZIP_LZMA:  # LZMA in a .zip has no memory limit
            raise InputError(f"{name}: it is compressed with LZMA; extract it and name the file")
        file = archive.open(members[0])
    except InputError:
        raise
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError) as error:
        raise InputError(
            f"{name}: it can't be decompressed ({error}); extract it and name the file"
        ) from None
    with archive, file:
        member_name = PurePosixPath(members[0].filename).name
        yield Opened(Unpacked(file, name, lambda: size), member_name, "zip")


def _require_directory(source: IO[bytes], name: str) -> int:
    """Return the size of a .zip in bytes, after a check of its central directory, which is read as a whole.

    Raises:
        InputError: the central directory is too large.
    """
    size = source.seek(0, io.SEEK_END)
    source.seek(max(0, size - _ZIP_TAIL))
    tail = source.read(_ZIP_TAIL)
    sizes = [int.from_bytes(found[1], "little") for found in _ZIP_END.finditer(tail)]
    # A size of 4 GiB or more is in the ZIP64 record.
    sizes = [each for each in sizes if each != 0xFFFFFFFF]
    sizes += [int.from_bytes(found[1], "little") for found in _ZIP64_END.finditer(tail)]
    if max(sizes, default=0) > MAX_ZIP_DIRECTORY:
        raise InputError(f"{name}: it has too many files; extract it and name the file")
    return size
