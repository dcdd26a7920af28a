"""Parts of tables: a few thousand rows each, which whoever has the file can read without the rows before.

One pass over the files cuts them, and tells of every row that can't be read before anything is scored.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow

from keras_sentiment.cluster.plan import Part, Parts, TableFile
from keras_sentiment.data.config import TableConfig
from keras_sentiment.data.readers.arrow_rows import ArrowTable
from keras_sentiment.data.readers.dialect import Dialect, require_different
from keras_sentiment.data.readers.remarks import Remarks
from keras_sentiment.data.readers.table_files import matching
from keras_sentiment.data.readers.table_rows import Row, read_rows
from keras_sentiment.data.readers.tables import known_format, open_table, with_texts
from keras_sentiment.errors import InputError
from keras_sentiment.inference.result_files import columns_of
from keras_sentiment.progress import Progress

# A part ends with whichever it reaches first. Four of a classifier's chunks, and seconds or a few minutes
# of a core: what a killed worker loses.
PART_ROWS = 4096
# Bytes of lines, or characters of the texts in Parquet.
PART_SIZE = 64 << 20


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
    if not (found := matching(source)):
        raise InputError(f"--input {source!r}: there is no such file, and no file matches")
    return found


def partition(
    paths: Sequence[Path],
    config: TableConfig,
    skip: Callable[[InputError], None] | None = None,
    quiet: bool = True,
) -> Parts:
    """Reads tables once, and says where their parts lie.

    Args:
        config: how they are read.
        skip: is told of each row that is left out; without it the first one is raised.
        quiet: no progress on standard error.

    Raises:
        InputError: a row or a file can't be read, or the columns of two files don't agree.
    """
    formats = sorted({known_format(path.name, config) for path in paths})
    if len(formats) > 1:
        raise InputError(f"files of several kinds ({', '.join(formats)}); match one kind")
    text_format = formats[0]
    if text_format == "arrow":
        raise InputError(f"{paths[0]}: --engine ray reads no .arrow files; write Parquet")
    files: list[TableFile] = []
    parts: list[Part] = []
    schema = pyarrow.schema([])
    remarks = Remarks(quiet)
    with Progress("Reading", quiet=quiet) as progress:
        for path in paths:
            # In a message the name is enough where there is one file.
            name = path.name if len(paths) == 1 else str(path)
            cutter = _Cutter(len(files), name, config, skip, remarks)
            try:
                status = path.stat()
                for part in cutter.parquet(path) if text_format == "parquet" else cutter.lines(path):
                    parts.append(part)
                    progress.update(part.rows)
            except OSError as error:
                raise InputError(f"{path}: can't be read ({error.strerror}); give --input files") from None
            if text_format in ("json", "jsonl"):
                schema = unified(schema, cutter.schema, name)
            elif files:
                require_equal(schema, cutter.schema, files[0].name, name)
            else:
                schema = cutter.schema
            place = os.path.realpath(path)
            files.append(TableFile(place, name, status.st_size, status.st_mtime_ns, cutter.dialect))
    return Parts(text_format, config.text_column, tuple(files), tuple(parts), schema)


class _Cutter:
    """Yields the parts of a file; knows its columns after the last one."""

    def __init__(
        self,
        file: int,
        name: str,
        config: TableConfig,
        skip: Callable[[InputError], None] | None,
        remarks: Remarks,
    ) -> None:
        self.file, self.name, self.config, self.skip, self.remarks = file, name, config, skip, remarks
        self.columns = {config.text_column: "--text-column"}
        self.dialect: Dialect | None = None
        self.schema = pyarrow.schema([])

    def lines(self, path: Path) -> Iterator[Part]:
        with open_table(path, self.name, self.config, self.columns) as table:
            dialect = table.dialect
            if dialect is None or dialect.format == "json" or table.compression:
                fix = "write an object a line" if not table.compression else "unpack it"
                raise InputError(f"{self.name}: workers begin to read in the middle of a file; {fix}")
            self.remarks(table.remark)
            # Workers, who begin in the middle, need not look for what was not there.
            self.dialect = replace(dialect, checks_quotes=False)
            json = dialect.format == "jsonl"
            if not json:
                columns = table.names or [self.config.text_column]
                require_different(columns, columns, self.name)
                self.schema = pyarrow.schema([(column, pyarrow.string()) for column in columns])
            lines = table.lines()
            rows = with_texts(read_rows(lines, dialect, self.columns), self.config.text_column, self.name)
            kept = self._kept(rows)
            while True:
                start, line, count = lines.place, lines.line, 0
                objects: list[dict[str, Any]] = []
                for _, row in kept:
                    count += 1
                    if json:
                        objects.append(row)
                    if count == PART_ROWS or lines.place - start >= PART_SIZE:
                        break
                if not count:
                    return
                if json:
                    place = f"{self.name}:{line}"
                    self.schema = unified(self.schema, columns_of(objects, place), place)
                yield Part(self.file, start, lines.place, line, count)

    def parquet(self, path: Path) -> Iterator[Part]:
        with path.open("rb") as file:
            table, column = ArrowTable(file, self.name, "parquet"), self.config.text_column
            kept = self._kept(with_texts(table.rows(self.columns, []), column, self.name))
            stop = 0
            while True:
                start, count, size = stop, 0, 0
                for number, row in kept:
                    stop, count, size = number, count + 1, size + len(row[column])
                    if count == PART_ROWS or size >= PART_SIZE:
                        break
                if not count:
                    break
                yield Part(self.file, start, stop, start + 1, count)
        require_different(table.names, table.names, self.name)
        # Whether a column may be empty can be said otherwise in the next file.
        self.schema = pyarrow.schema([(field.name, field.type) for field in table.schema])

    def _kept(self, rows: Iterator[Row]) -> Iterator[tuple[int, dict[str, Any]]]:
        for number, row in rows:
            if not isinstance(row, InputError):
                yield number, row
            elif self.skip is None:
                raise row
            else:
                self.skip(row)


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
