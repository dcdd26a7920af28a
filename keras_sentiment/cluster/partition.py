"""Parts of tables: a few thousand rows each, which whoever has the file can read without the rows before.

One pass over the files cuts them, and tells of every row that can't be read before anything is scored.
"""

from __future__ import annotations

import glob
import io
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pyarrow
from pyarrow import parquet
from tqdm import tqdm

from keras_sentiment.cluster.plan import Part, Parts, TableFile
from keras_sentiment.data.readers.table_rows import require_different
from keras_sentiment.data.readers.tables import read_header, read_rows, read_texts
from keras_sentiment.errors import InputError

# A part ends with whichever it reaches first. Four of a classifier's chunks, and seconds or a few minutes
# of a core: what a killed worker loses.
PART_ROWS = 4096
# Bytes of lines, or characters of the texts in Parquet.
PART_SIZE = 64 << 20


Kept = TypeVar("Kept")


def find_files(source: str) -> list[Path]:
    """Returns the file at a path, or those that match a pattern, sorted.

    Raises:
        InputError: there is none.
    """
    path = Path(source)
    if source and path.is_dir():
        raise InputError(f"{source}: is a folder; name its files, as in {path / '*.parquet'}")
    if path.is_file():
        return [path]
    found = [Path(name) for name in sorted(glob.glob(source, recursive=True)) if os.path.isfile(name)]
    if not found:
        raise InputError(f"--input {source!r}: there is no such file, and no file matches")
    return found


def partition(
    paths: Sequence[Path],
    text_format: str,
    text_column: str,
    skip: Callable[[InputError], None] | None = None,
    quiet: bool = True,
) -> Parts:
    """Reads tables once, and says where their parts lie.

    Args:
        skip: is told of each row that is left out; without it the first one is raised.
        quiet: no progress on standard error.

    Raises:
        InputError: a row or a file can't be read, or the columns of two files don't agree.
    """
    files: list[TableFile] = []
    parts: list[Part] = []
    schema = pyarrow.schema([])
    with tqdm(desc="reading", unit=" texts", disable=quiet or None) as bar:
        for path in paths:
            # In a message the name is enough where there is one file.
            name = path.name if len(paths) == 1 else str(path)
            cutter = _Cutter(len(files), name, text_format, text_column, skip)
            try:
                status = path.stat()
                for part in cutter.parquet(path) if text_format == "parquet" else cutter.lines(path):
                    parts.append(part)
                    bar.update(part.rows)
            except OSError as error:
                raise InputError(f"{path}: can't be read ({error.strerror}); give --input files") from None
            if text_format == "jsonl":
                schema = unified(schema, cutter.schema, name)
            elif files:
                require_equal(schema, cutter.schema, files[0].name, name)
            else:
                schema = cutter.schema
            place = os.path.realpath(path)
            files.append(TableFile(place, name, status.st_size, status.st_mtime_ns, tuple(cutter.header)))
    return Parts(text_format, text_column, tuple(files), tuple(parts), schema)


class _Lines(io.BufferedReader):
    """A file that counts what is read of it."""

    lines, place = 0, 0

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        self.lines += 1
        self.place += len(line)
        return line


class _Cutter:
    """Yields the parts of a file; knows its columns after the last one."""

    def __init__(
        self,
        file: int,
        name: str,
        text_format: str,
        text_column: str,
        skip: Callable[[InputError], None] | None,
    ) -> None:
        self.file, self.name, self.text_format, self.text_column = file, name, text_format, text_column
        self.skip = skip
        self.header: list[str] = []
        self.schema = pyarrow.schema([])

    def lines(self, path: Path) -> Iterator[Part]:
        with _Lines(io.FileIO(path)) as file:
            self.header = read_header(file, self.name, self.text_format, self.text_column)
            json = self.text_format == "jsonl"
            if not json:
                columns = self.header or [self.text_column]
                require_different(columns, columns, self.name)
                self.schema = pyarrow.schema([(column, pyarrow.string()) for column in columns])
            rows = read_rows(file, self.name, self.text_format, self.text_column, self.header, file.lines + 1)
            kept = self._kept(rows)
            while True:
                start, line, count = file.place, file.lines + 1, 0
                objects: list[dict[str, Any]] = []
                for _, row in kept:
                    count += 1
                    if json:
                        objects.append(row)
                    if count == PART_ROWS or file.place - start >= PART_SIZE:
                        break
                if not count:
                    return
                if json:
                    place = f"{self.name}:{line}"
                    self.schema = unified(self.schema, columns_of(objects, place), place)
                yield Part(self.file, start, file.place, line, count)

    def parquet(self, path: Path) -> Iterator[Part]:
        with path.open("rb") as file:
            kept = self._kept(read_texts(file, self.name, self.text_format, self.text_column))
            stop = 0
            while True:
                start, count, size = stop, 0, 0
                for number, text in kept:
                    stop, count, size = number, count + 1, size + len(text)
                    if count == PART_ROWS or size >= PART_SIZE:
                        break
                if not count:
                    break
                yield Part(self.file, start, stop, start + 1, count)
            # Its texts could be read, so what it says of itself can be asked for.
            fields = parquet.read_schema(file)
        require_different(fields.names, fields.names, self.name)
        # Whether a column may be empty can be said otherwise in the next file.
        self.schema = pyarrow.schema([(field.name, field.type) for field in fields])

    def _kept(self, rows: Iterable[tuple[int, Kept | InputError]]) -> Iterator[tuple[int, Kept]]:
        for number, row in rows:
            if not isinstance(row, InputError):
                yield number, row
            elif self.skip is None:
                raise row
            else:
                self.skip(row)


def columns_of(rows: Sequence[dict[str, Any]], source: str) -> pyarrow.Schema:
    """Returns the columns of JSON objects, in the order in which they come.

    Args:
        source: where the first of them stands, for a message.

    Raises:
        InputError: what a column holds has no one type.
    """
    fields = []
    for column in dict.fromkeys(itertools.chain.from_iterable(rows)):
        values = [row.get(column) for row in rows]
        try:
            fields.append((column, pyarrow.array(values).type))
        except (pyarrow.ArrowException, ValueError, OverflowError, TypeError) as error:
            raise InputError(
                f"{source}: from this line on column {column!r} has no one type ({error}); write one"
            ) from None
    return pyarrow.schema(fields)


def unified(known: pyarrow.Schema, more: pyarrow.Schema, source: str) -> pyarrow.Schema:
    """Returns the columns of both; of two types of numbers, the wider.

    Raises:
        InputError: a column has types that no type holds.
    """
    try:
        return pyarrow.unify_schemas([known, more], promote_options="permissive")
    except pyarrow.ArrowException as error:
        raise InputError(f"{source}: a column has another type than before ({error}); write one") from None


def require_equal(known: pyarrow.Schema, more: pyarrow.Schema, first: str, source: str) -> None:
    """Raises an InputError if a table has other columns than the first one, in whatever order."""
    for name in dict.fromkeys([*known.names, *more.names]):
        if name not in known.names or name not in more.names:
            lacking = first if name in more.names else source
            raise InputError(
                f"{source}: not the columns of {first}: {lacking} has no {name!r}; score it alone"
            )
        if known.field(name).type != more.field(name).type:
            raise InputError(
                f"{source}: column {name!r} is {more.field(name).type}, and in {first} it is "
                f"{known.field(name).type}; score it alone"
            )
