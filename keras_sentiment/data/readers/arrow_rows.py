"""Rows of Arrow's tables: Parquet, Arrow files, and tables in memory."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import IO, Any

from keras_sentiment.data.readers.dialect import Columns, require_columns, require_different
from keras_sentiment.data.readers.table_rows import Row
from keras_sentiment.errors import InputError

# Bytes of a Parquet file.
MAX_AT_ONCE = 64 << 20
BATCH_ROWS = 1024


class ArrowTable:
    """A table of Arrow, which is read in batches.

    Args:
        file: of Parquet or Arrow, which can seek.
        name: what a message calls it.
        table_format: `parquet` or `arrow`.

    Raises:
        InputError: it isn't one.
    """

    def __init__(self, file: IO[bytes], name: str, table_format: str) -> None:
        self.name, self._kind = name, table_format.capitalize()
        with _readable(name, self._kind):
            self._table = (_parquet if table_format == "parquet" else _arrow)(file)
            self.schema: Any = getattr(self._table, "schema_arrow", None) or self._table.schema
            self.names: list[str] = self.schema.names

    def rows(self, columns: Columns, keep: list[str]) -> Iterator[Row]:
        """Yield rows, each with its number, counted from 1.

        Args:
            columns: that a row must have; where the schema names the classes of their numbers, the names.
            keep: other columns.

        Raises:
            InputError: a column is not there; while iterating, the file is damaged.
        """
        require_columns(self.names, self.name, columns)
        wanted = [name for name in dict.fromkeys(self.names) if name in columns or name in keep]
        require_different(keep, self.names, self.name)
        with _readable(self.name, self._kind):
            yield from rows_of_batches(self._batches(wanted), self.name, wanted, columns, self.schema)

    def _batches(self, wanted: list[str]) -> Iterator[Any]:
        if self._kind == "Parquet":
            yield from self._table.iter_batches(batch_size=BATCH_ROWS, columns=wanted)
        elif hasattr(self._table, "get_batch"):
            yield from (self._table.get_batch(n) for n in range(self._table.num_record_batches))
        else:
            yield from self._table


class _readable:
    """Makes one error of the many that a damaged file can raise."""

    def __init__(self, name: str, kind: str) -> None:
        self.name, self.kind = name, kind

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        import pyarrow

        # The name of a column may be no text, and a size may be any number.
        wrong = (pyarrow.ArrowException, OSError, ValueError, MemoryError, OverflowError)
        if isinstance(error, wrong) and not isinstance(error, InputError):
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise InputError(f"{self.name}: not a readable {self.kind} file ({reason})") from None


def _parquet(file: IO[bytes]) -> Any:
    from pyarrow import parquet

    # Unless it is buffered, a whole group of rows is read at once, which can be the whole file; where it
    # is, a page gets the room that it says it needs. (The metadata can't be asked for sizes: pyarrow
    # ends the process where they are damaged.)
    size = file.seek(0, os.SEEK_END)
    buffer_size = 1 << 20 if size > MAX_AT_ONCE else 0
    return parquet.ParquetFile(file, buffer_size=buffer_size, pre_buffer=False)


def _arrow(file: IO[bytes]) -> Any:
    from pyarrow import ipc

    start = file.read(6)
    file.seek(0)
    return ipc.open_file(file) if start == b"ARROW1" else ipc.open_stream(file)


def rows_of_batches(
    batches: Iterator[Any], name: str, wanted: list[str], columns: Columns, schema: Any
) -> Iterator[Row]:
    """Yield the rows of batches or tables of Arrow.

    Args:
        wanted: the columns of a row.
        columns: those of them in which the names of classes stand for their numbers.
        schema: of the batches, which may name classes.
    """
    number = 0
    names = {column: names for column, names in class_names(schema.metadata).items() if column in columns}
    for batch in batches:
        for values in zip(*(batch.column(column) for column in wanted), strict=True):
            number += 1
            try:
                row = {column: value.as_py() for column, value in zip(wanted, values, strict=True)}
                yield number, _with_names(row, names, f"{name}:{number}")
            except InputError as wrong:
                yield number, wrong
            except UnicodeDecodeError:
                yield number, InputError(f"{name}:{number}: not UTF-8; write the column as strings")


def class_names(metadata: dict[bytes, bytes] | None) -> dict[str, list[str]]:
    """Return the names of the classes that the numbers of a column stand for, where the schema says so.

    Hugging Face's datasets write them there (`ClassLabel`).
    """
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        # A list of classes names them one level below.
        classes = {column: feature.get("feature", feature) for column, feature in features.items()}
        found = {column: feature["names"] for column, feature in classes.items() if "names" in feature}
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return {}
    return {
        column: names
        for column, names in found.items()
        if isinstance(names, list) and all(isinstance(name, str) for name in names)
    }


def _with_names(row: dict[str, Any], names: dict[str, list[str]], source: str) -> dict[str, Any]:
    """Returns a row with the name of a class in the place of its number."""
    for column, known in names.items():
        value = row.get(column)
        numbers: list[Any] = value if isinstance(value, list) else [value]
        if not all(isinstance(number, int) for number in numbers):
            continue
        if wrong := [number for number in numbers if not 0 <= number < len(known) and value != -1]:
            raise InputError(
                f"{source}: column {column!r} holds {wrong[0]}, and the schema names {len(known)} classes"
            )
        if value == -1:
            raise InputError(f"{source}: column {column!r} holds -1, which means no label")
        named = [known[number] for number in numbers]
        row[column] = named if isinstance(value, list) else named[0]
    return row
