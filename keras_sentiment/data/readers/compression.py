"""Files that may be compressed, opened as what they hold."""

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

# Bytes that a file unpacks to: at most so many, and behind the first ones so many times those that it has.
# Reviews are packed to a third or less; to a thousandth only what was made to fill memory or time.
MAX_UNPACKED_BYTES = 64 << 30
FREE_BYTES, MAX_RATIO = 32 << 20, 1000
# Bytes of the list of what a .zip holds; a hundred names take some ten thousand.
MAX_ZIP_DIRECTORY = 1 << 20
ENDINGS = {
    **{f".{name}": name for name in TABLE_FORMATS},
    ".tab": "tsv",
    ".ndjson": "jsonl",
    ".pq": "parquet",
    ".feather": "arrow",
}
SPREADSHEETS = (".xlsx", ".xls", ".ods")


# Of zstd: its frames, and those that are passed over, as others write them before its own.
_ZSTD = (b"\x28\xb5\x2f\xfd", *(bytes([kind]) + b"\x2a\x4d\x18" for kind in range(0x50, 0x60)))
# The name of each compression, its ending, how a file in it begins, and what opens it.
_KINDS: tuple[tuple[str, str, tuple[bytes, ...], Callable[[IO[bytes]], Any]], ...] = (
    ("gzip", ".gz", (b"\x1f\x8b",), Gzip),
    ("bzip2", ".bz2", (b"BZh",), bz2.BZ2File),
    ("xz", ".xz", (b"\xfd7zXZ\0",), Xz),
    ("zstd", ".zst", _ZSTD, Zstd),
)
_ZIP = ("zip", ".zip", b"PK\x03\x04")
# Its end, with the size of the list; behind it a comment may stand.
_ZIP_END = re.compile(rb"PK\x05\x06(?=.{8}(.{4}))", re.DOTALL)
_ZIP64_END = re.compile(rb"PK\x06\x06(?=.{36}(.{8}))", re.DOTALL)
_ZIP_TAIL = 1 << 17
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
        packed: returns how many bytes were read to unpack those that have come; without it the file is not
            compressed.

    Attributes:
        count: how many bytes have come.
    """

    def __init__(self, file: IO[bytes], name: str, packed: Callable[[], int] | None = None) -> None:
        # What a pipe holds is read as soon as it is there.
        self._read: Callable[[int], bytes] = getattr(file, "read1", file.read)
        self._name, self._packed, self._start = name, packed, b""
        self.count = 0

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
        except InputError:
            raise
        except MemoryLimitError as error:
            raise InputError(f"{self._name}: takes more than {error} to unpack; unpack it first") from None
        except (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, OSError, ValueError) as error:
            raise InputError(f"{self._name}: damaged ({first_line(error)}); fetch it again") from None
        except MemoryError:
            raise InputError(f"{self._name}: takes too much memory to unpack; unpack it first") from None
        self.count += len(data)
        if self._packed is not None:
            require_ratio(self.count, self._packed(), self._name)
        return data


def require_ratio(unpacked: int, packed: int, name: str) -> None:
    """Raises an InputError for far more bytes than a file has, as no real one unpacks to."""
    if unpacked > MAX_UNPACKED_BYTES:
        raise InputError(f"{name}: it unpacks to more than {MAX_UNPACKED_BYTES:,} bytes; cut it in several")
    if unpacked > FREE_BYTES + MAX_RATIO * packed:
        raise InputError(
            f"{name}: it unpacks to more than {MAX_RATIO:,} times its size, as no reviews do; if they are "
            "real, write them without compression"
        )


def unpacked(file: IO[bytes], name: str) -> Opened:
    """Unpack what is compressed while it is read, and give what is not as it is."""
    whole = Unpacked(file, name)
    start = whole.start(6)
    for kind, _, magic, opener in _KINDS:
        if start.startswith(magic):
            packed = opener(cast(IO[bytes], io.BufferedReader(whole)))
            return Opened(Unpacked(packed, name, lambda: whole.count), plain_name(name), kind)
    return Opened(whole, name, None)


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
        opened = unpacked(source := open_file(source, name, files), name)
        if opened.compression is None and opened.file.start(6).startswith(_ZIP[2]):
            opened = files.enter_context(_zip_member(source, name))
        yield opened


@contextlib.contextmanager
def _zip_member(source: IO[bytes], name: str) -> Iterator[Opened]:
    """Open the one table in a .zip."""
    if name.lower().endswith(SPREADSHEETS):
        raise InputError(f"{name}: a spreadsheet; save it as CSV UTF-8")
    if not source.seekable():
        raise InputError(f"{name}: a .zip can't be read from a pipe; give the file")
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
            raise InputError(f"{name}: it holds {found}, and one table is read; unpack it and name the files")
        if members[0].compress_type == zipfile.ZIP_LZMA:  # which takes what memory the file asks for
            raise InputError(f"{name}: is packed with LZMA; unpack it and name the file")
        file = archive.open(members[0])
    except InputError:
        raise
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError) as error:
        raise InputError(f"{name}: can't be unpacked ({error}); unpack it and name the file") from None
    with archive, file:
        member_name = PurePosixPath(members[0].filename).name
        yield Opened(Unpacked(file, name, lambda: size), member_name, "zip")


def _require_directory(source: IO[bytes], name: str) -> int:
    """Return the size of a .zip, whose list of what it holds has to be a short one: it is read as a whole.

    Raises:
        InputError: it is long.
    """
    size = source.seek(0, io.SEEK_END)
    source.seek(max(0, size - _ZIP_TAIL))
    tail = source.read(_ZIP_TAIL)
    sizes = [int.from_bytes(found[1], "little") for found in _ZIP_END.finditer(tail)]
    # What is larger than 4 GB has a second end, which says so.
    sizes = [each for each in sizes if each != 0xFFFFFFFF]
    sizes += [int.from_bytes(found[1], "little") for found in _ZIP64_END.finditer(tail)]
    if max(sizes, default=0) > MAX_ZIP_DIRECTORY:
        raise InputError(f"{name}: a .zip of too many files; unpack it and name the file")
    return size
