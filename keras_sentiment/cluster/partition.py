"""Division of tables into parts of a few thousand rows; a part can be read without the rows before it.

One pass over the files finds the parts. It reports each row that can't be read before any row is scored.
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

# A part ends at the first of the two limits. 4,096 rows take a core seconds to minutes, which is the work
# that is lost if a worker is killed.
PART_ROWS = 4096
# Bytes of lines in a text file, or characters of the texts in a Parquet file.
PART_SIZE = 64 << 20


def find_files(source: str) -> list[Path]:
    """Returns the file at a path, or the files that match a pattern, sorted.

    Raises:
        InputError: there is no such file, or the path is a folder.
    """
    path = Path(source)
    if source and path.is_dir():
        raise InputError(f"{source}: it is a folder; name its files, as in {path / '*.parquet'}")
    if path.is_file():
        return [path]
    if not (found := matching(source)):
        raise InputError(
            f"--input {source!r}: there is no such file, and no file matches the pattern; correct it"
        )
    return found


def partition(
    paths: Sequence[Path],
    config: TableConfig,
    skip: Callable[[InputError], None] | None = None,
    quiet: bool = True,
) -> Parts:
    """Reads tables once, and returns their parts.

    Args:
        paths: the files.
        config: how the tables are read.
        skip: receives the error of each row that is left out; without it, the first such error is raised.
        quiet: whether to show no progress.

    Raises:
        InputError: a row or a file can't be read, or the columns of two files differ.
    """
    formats = sorted({known_format(path.name, config) for path in paths})
    if len(formats) > 1:
        raise InputError(
            f"--input: the files have several formats ({', '.join(formats)}); name files of one format"
        )
    text_format = formats[0]
    if text_format == "arrow":
        raise InputError(f"{paths[0]}: --engine ray can't read Arrow files; write Parquet")
    files: list[TableFile] = []
    parts: list[Part] = []
    schema = pyarrow.schema([])
    remarks = Remarks(quiet)
    with Progress("Reading", quiet=quiet) as progress:
        for path in paths:
            # Messages have the path only if there are several files.
            name = path.name if len(paths) == 1 else str(path)
            cutter = _Cutter(len(files), name, config, skip, remarks)
            try:
                status = path.stat()
                for part in cutter.parquet(path) if text_format == "parquet" else cutter.lines(path):
                    parts.append(part)
                    progress.update(part.rows)
            except OSError as error:
                raise InputError(f"{path}: it can't be read ({error.strerror}); name other files") from None
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
    """Yields the parts of a file; `schema` is complete after the last part."""

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
                wrong = "a compressed file" if table.compression else "a JSON list"
                fix = "decompress it" if table.compression else "write one JSON object a line"
                raise InputError(f"{self.name}: --engine ray can't read {wrong} in parts; {fix}")
            self.remarks(table.remark)
            # This pass checks the quotes, so the workers need not.
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
        # Nullability is dropped, because it may differ between files.
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
    """Returns the columns of two schemas; a column of two numeric types gets the wider one.

    Raises:
        InputError: the two types of a column have no common type.
    """
    try:
        return pyarrow.unify_schemas([known, more], promote_options="permissive")
    except pyarrow.ArrowException as error:
        wrong = f"a column has another type than before ({error})"
        raise InputError(f"{source}: {wrong}; write one type for each column") from None


def require_equal(known: pyarrow.Schema, more: pyarrow.Schema, first: str, source: str) -> None:
    """Raises an InputError if a table has other columns than the first one; their order does not matter."""
    for name in dict.fromkeys([*known.names, *more.names]):
        if name not in known.names or name not in more.names:
            lacking = first if name in more.names else source
            raise InputError(
                f"{source}: its columns differ from those of {first}: {lacking} has no {name!r}; predict it "
                "alone"
            )
        if known.field(name).type != more.field(name).type:
            raise InputError(
                f"{source}: column {name!r} is {more.field(name).type}, and in {first} it is "
                f"{known.field(name).type}; predict it alone"
            )
