"""Files that may be compressed, opened as what they hold."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple, cast

from keras_sentiment.data.config import TABLE_FORMATS
from keras_sentiment.errors import InputError

# Bytes that a file unpacks to.
MAX_UNPACKED_BYTES = 64 << 30
ENDINGS = {
    **{f".{name}": name for name in TABLE_FORMATS},
    ".tab": "tsv",
    ".ndjson": "jsonl",
    ".pq": "parquet",
    ".feather": "arrow",
}
SPREADSHEETS = (".xlsx", ".xls", ".ods")


def _zstd(file: IO[bytes]) -> IO[bytes]:
    import pyarrow

    return cast(IO[bytes], pyarrow.CompressedInputStream(pyarrow.PythonFile(file, "r"), "zstd"))


# The name of each compression, its ending, how a file in it begins, and what opens it.
_KINDS: tuple[tuple[str, str, bytes, Callable[[IO[bytes]], Any]], ...] = (
    ("gzip", ".gz", b"\x1f\x8b", lambda file: gzip.GzipFile(fileobj=file)),
    ("bzip2", ".bz2", b"BZh", bz2.BZ2File),
    ("xz", ".xz", b"\xfd7zXZ\0", lzma.LZMAFile),
    ("zstd", ".zst", b"\x28\xb5\x2f\xfd", _zstd),
)
_ZIP = ("zip", ".zip", b"PK\x03\x04")
PACKED_ENDINGS = (*(ending for _, ending, _, _ in _KINDS), ".zip")


class Opened(NamedTuple):
    """A file to read once from its start.

    Args:
        file: of what it holds.
        name: of what it holds.
        compression: `"gzip"`, `"bzip2"`, `"xz"`, `"zstd"`, `"zip"`, or None.
    """

    file: Unpacked
    name: str
    compression: str | None


class Unpacked(io.RawIOBase):
    """The bytes of a file, unpacked; damage is an error that names it.

    Args:
        file: that is read once.
        name: what a message calls it.
        limit: how many bytes it may have.
    """

    def __init__(self, file: IO[bytes], name: str, limit: int | None = None) -> None:
        # What a pipe holds is read as soon as it is there.
        self._read: Callable[[int], bytes] = getattr(file, "read1", file.read)
        self._name, self._left, self._start = name, limit, b""

    def readable(self) -> bool:
        return True

    def start(self, size: int) -> bytes:
        """Return the first bytes, which are read again; fewer than asked for are all there are."""
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
        except (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, OSError, ValueError) as error:
            raise InputError(f"{self._name}: damaged ({error}); fetch it again") from None
        if self._left is not None:
            self._left -= len(data)
            if self._left < 0:
                raise InputError(f"{self._name}: it unpacks to more than {MAX_UNPACKED_BYTES:,} bytes")
        return data


def plain_name(name: str) -> str:
    """Return a file's name without the ending of its compression."""
    return name[: -len(Path(name).suffix)] if name.lower().endswith(PACKED_ENDINGS) else name


def format_of(name: str) -> str | None:
    """Return the kind of table that a file's name says, or None."""
    return ENDINGS.get(PurePosixPath(plain_name(name)).suffix.lower())


def open_file(source: Path | IO[bytes], name: str, files: contextlib.ExitStack) -> IO[bytes]:
    """Open a path, which `files` closes, or return the file that is open."""
    if not isinstance(source, Path):
        return source
    try:
        return files.enter_context(source.open("rb"))
    except OSError as error:
        raise InputError(f"{name}: can't be read ({error.strerror})") from None


@contextlib.contextmanager
def open_unpacked(source: Path | IO[bytes], name: str) -> Iterator[Opened]:
    """Open a file, and unpack what is compressed while it is read.

    Args:
        source: a path, or a file, which need not seek unless it is a .zip.
        name: what a message calls it.

    Raises:
        InputError: it can't be opened; while it is read, it is damaged.
    """
    with contextlib.ExitStack() as files:
        source = open_file(source, name, files)
        whole = Unpacked(source, name)
        start = whole.start(6)
        if start.startswith(_ZIP[2]):
            opened = files.enter_context(_zip_member(source, name))
        else:
            opened = Opened(whole, name, None)
            for kind, _, magic, opener in _KINDS:
                if start.startswith(magic):
                    packed = cast(IO[bytes], io.BufferedReader(whole))
                    opened = Opened(
                        Unpacked(opener(packed), name, MAX_UNPACKED_BYTES), plain_name(name), kind
                    )
        yield opened


@contextlib.contextmanager
def _zip_member(source: IO[bytes], name: str) -> Iterator[Opened]:
    """Open the one table in a .zip."""
    if name.lower().endswith(SPREADSHEETS):
        raise InputError(f"{name}: a spreadsheet; save it as CSV UTF-8")
    if not source.seekable():
        raise InputError(f"{name}: a .zip can't be read from a pipe; give the file")
    try:
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
            raise InputError(f"{name}: it holds {found}, and one table is read; unpack it and name the files")
        file = archive.open(members[0])
    except InputError:
        raise
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError) as error:
        raise InputError(f"{name}: can't be unpacked ({error}); unpack it and name the file") from None
    with archive, file:
        member_name = PurePosixPath(members[0].filename).name
        yield Opened(Unpacked(file, name, MAX_UNPACKED_BYTES), member_name, "zip")
