"""Rows of Arrow's tables: Parquet, Arrow files, and tables in memory."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import IO, Any

from keras_sentiment.data.readers.arrow_messages import MAGIC, require_small_batches
from keras_sentiment.data.readers.arrow_sizes import size_of
from keras_sentiment.data.readers.compression import FREE_BYTES, MAX_RATIO, require_ratio
from keras_sentiment.data.readers.dialect import Columns, require_columns, require_different
from keras_sentiment.data.readers.parquet_pages import row_groups
from keras_sentiment.data.readers.parquet_sizes import ParquetSizes
from keras_sentiment.data.readers.table_rows import Row
from keras_sentiment.data.reviews import MAX_REVIEW_BYTES
from keras_sentiment.errors import InputError

# Bytes of a Parquet file.
MAX_AT_ONCE = 64 << 20
# Rows that are decoded at once of what is in memory already.
BATCH_ROWS = 1024
# Bytes that a row is counted for, whatever is in it.
ROW_BYTES = 32
# Rows of a file: so many, and so many for each of its bytes. Runs, nulls and numbers of a dictionary make
# billions of a few bytes, and each takes its time.
FREE_ROWS, ROWS_PER_BYTE = 200_000, 4


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
        self._size = file.seek(0, os.SEEK_END)
        with _readable(name, self._kind):
            if self._kind == "Parquet":
                groups = row_groups(file, self._size)
                self._table: Any = _parquet(file, self._size)
                self._require_rows(self._table.metadata.num_rows)
                self._sizes = ParquetSizes(file, self._size, name, groups, self._table)
            else:
                require_small_batches(file, self._size)
                self._table = _arrow(file)
            self.schema: Any = getattr(self._table, "schema_arrow", None) or self._table.schema
            self.names: list[str] = self.schema.names

    def require_small(self, columns: Iterable[str]) -> None:
        """Raises an InputError if columns hold what is too large to be read; those that are not there don't.

        A row can be too large, too, which is told where it is read.
        """
        times = Counter(self.names)
        wanted = [name for name in columns if times[name] == 1]
        if self._kind == "Parquet" and wanted:
            with _readable(self.name, self._kind):
                self._require_ratio(wanted)

    def rows(self, columns: Columns, keep: list[str]) -> Iterator[Row]:
        """Yield rows, each with its number, counted from 1.

        Args:
            columns: that a row must have; where the schema names the classes of their numbers, the names.
            keep: other columns.

        Raises:
            InputError: a column is not there; while iterating, the file is damaged.
        """
        require_columns(self.names, self.name, columns)
        kept = {*columns, *keep}
        wanted = [name for name in dict.fromkeys(self.names) if name in kept]
        require_different(keep, self.names, self.name)
        with _readable(self.name, self._kind):
            if self._kind == "Parquet":
                self._require_ratio(wanted)
            batches = self._parquet_batches(wanted) if self._kind == "Parquet" else self._arrow_batches()
            yield from rows_of_batches(batches, self.name, wanted, columns, self.schema, self._size)

    def _arrow_batches(self) -> Iterator[Any]:
        table = self._table
        by_number = (table.get_batch(n) for n in range(getattr(table, "num_record_batches", 0)))
        rows = 0
        for batch in by_number if hasattr(table, "get_batch") else table:
            rows += batch.num_rows
            self._require_rows(rows)
            # Its offsets may lead anywhere.
            batch.validate(full=True)
            yield batch

    def _require_rows(self, rows: int) -> None:
        """Raises an InputError for far more rows than texts of a file's size can be."""
        if rows > FREE_ROWS + ROWS_PER_BYTE * self._size:
            raise InputError(
                f"{self.name}: {rows:,} rows in {self._size:,} bytes, which can't be different texts; leave "
                "out repeated rows"
            )

    def _require_ratio(self, wanted: list[str]) -> None:
        """Raises an InputError before the first row, if a file unpacks to far more than it has."""
        for _ in self._sizes.rows_at_once(wanted):
            pass
        if self._sizes.total(wanted) <= FREE_BYTES + MAX_RATIO * self._size:
            return
        total = 0
        for batch in self._parquet_batches(wanted):
            cells = [batch.column(column) for column in wanted]
            total += sum(size_of(array, place) for array in cells for place in range(len(array)))
            require_ratio(total, self._size, self.name)

    def batches_from(self, group: int) -> Iterator[Any]:
        """Yield the rows of a Parquet file from a group of rows on, with all columns, in bounded batches.

        Raises:
            InputError: the file is damaged, or holds what is too large to be unpacked.
        """
        with _readable(self.name, self._kind):
            yield from self._parquet_batches(self.names, group)

    def group_rows(self) -> list[int]:
        """Return how many rows each group of a Parquet file has."""
        metadata = self._table.metadata
        return [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]

    def _parquet_batches(self, wanted: list[str], group: int = 0) -> Iterator[Any]:
        for number, rows in self._sizes.rows_at_once(wanted, group):
            yield from self._table.iter_batches(rows, row_groups=[number], columns=wanted)


class _readable:
    """Makes one error of the many that a damaged file can raise."""

    def __init__(self, name: str, kind: str) -> None:
        self.name, self.kind = name, kind

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        import pyarrow

        # The name of a column may be no text, and a size may be any number.
        wrong = (OSError, ValueError, MemoryError, OverflowError, LookupError, TypeError)
        if isinstance(error, (pyarrow.ArrowException, *wrong)) and not isinstance(error, InputError):
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise InputError(f"{self.name}: not a readable {self.kind} file ({reason})") from None


def _parquet(file: IO[bytes], size: int) -> Any:
    from pyarrow import parquet

    # Unless it is buffered, a whole group of rows is read at once, which can be the whole file; where it
    # is, a page gets the room that it says it needs.
    buffer_size = 1 << 20 if size > MAX_AT_ONCE else 0
    return parquet.ParquetFile(file, buffer_size=buffer_size, pre_buffer=False)


def _arrow(file: IO[bytes]) -> Any:
    from pyarrow import ipc

    file.seek(0)
    start = file.read(len(MAGIC))
    file.seek(0)
    return ipc.open_file(file) if start == MAGIC else ipc.open_stream(file)


def rows_of_batches(
    batches: Iterator[Any],
    name: str,
    wanted: list[str],
    columns: Columns,
    schema: Any,
    packed: int | None = None,
) -> Iterator[Row]:
    """Yield the rows of batches or tables of Arrow.

    Args:
        wanted: the columns of a row.
        columns: those of them in which the names of classes stand for their numbers.
        schema: of the batches, which may name classes.
        packed: bytes of the file that they come from; by default they are in memory.
    """
    number = unpacked = 0
    names = {column: names for column, names in class_names(schema.metadata).items() if column in columns}
    for batch in batches:
        cells = [batch.column(column) for column in wanted]
        for place, values in enumerate(zip(*cells, strict=True)):
            number += 1
            if packed is not None:
                sizes = [size_of(array, place) for array in cells]
                too_large = max(sizes, default=0) > MAX_REVIEW_BYTES
                unpacked += ROW_BYTES + (0 if too_large else sum(sizes))
                require_ratio(unpacked, packed, name)
                if too_large:
                    column = wanted[sizes.index(max(sizes))]
                    wrong = f"column {column!r} holds more than {MAX_REVIEW_BYTES:,} bytes; remove the row"
                    yield number, InputError(f"{name}:{number}: {wrong}")
                    continue
            try:
                row = {column: value.as_py() for column, value in zip(wanted, values, strict=True)}
                yield number, _with_names(row, names, f"{name}:{number}")
            except InputError as error:
                yield number, error
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
