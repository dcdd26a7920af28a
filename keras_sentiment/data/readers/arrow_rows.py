"""Reading the rows of Parquet files, Arrow files and Arrow tables in memory."""

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

# A larger Parquet file is read with a buffer.
MAX_AT_ONCE = 64 << 20
# Rows of a dataset in memory that are decoded at once.
BATCH_ROWS = 1024
# Bytes that each row counts at least, for the decompression ratio.
ROW_BYTES = 32
# Limit for the rows of a file: FREE_ROWS + ROWS_PER_BYTE * bytes of the file. Run-length encoding, nulls and
# dictionary indices can encode billions of rows in a few bytes, and each row takes time.
FREE_ROWS, ROWS_PER_BYTE = 200_000, 4


class ArrowTable:
    """A Parquet or Arrow file, read in batches.

    Args:
        file: the file, which can seek.
        name: the name of the file in messages.
        table_format: `parquet` or `arrow`.

    Raises:
        InputError: the file does not have this format, or is damaged.
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
        """Raises an InputError if the decompressed columns are too large; missing columns are ignored.

        A single row that is too large is reported when it is read.
        """
        times = Counter(self.names)
        wanted = [name for name in columns if times[name] == 1]
        if self._kind == "Parquet" and wanted:
            with _readable(self.name, self._kind):
                self._require_ratio(wanted)

    def rows(self, columns: Columns, keep: list[str]) -> Iterator[Row]:
        """Yield the rows, each with its number, counted from 1.

        Args:
            columns: columns that the file must have; class numbers are replaced by the class names of the
                schema.
            keep: other columns to read.

        Raises:
            InputError: a column is missing; while iterating, the file is damaged.
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
            # The offsets in an untrusted batch may be out of range.
            batch.validate(full=True)
            yield batch

    def _require_rows(self, rows: int) -> None:
        """Raises an InputError if there are more rows than a file of this size can have texts."""
        if rows > FREE_ROWS + ROWS_PER_BYTE * self._size:
            raise InputError(
                f"{self.name}: it has {rows:,} rows in {self._size:,} bytes, so most rows are the same; "
                "remove repeated rows"
            )

    def _require_ratio(self, wanted: list[str]) -> None:
        """Raises an InputError, before the first row is read, if the decompression ratio is too high."""
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
        """Yield batches with all columns of a Parquet file, from a row group on.

        Raises:
            InputError: the file is damaged, or its decompressed columns are too large.
        """
        with _readable(self.name, self._kind):
            yield from self._parquet_batches(self.names, group)

    def group_rows(self) -> list[int]:
        """Return the number of rows of each row group of a Parquet file."""
        metadata = self._table.metadata
        return [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]

    def _parquet_batches(self, wanted: list[str], group: int = 0) -> Iterator[Any]:
        for number, rows in self._sizes.rows_at_once(wanted, group):
            yield from self._table.iter_batches(rows, row_groups=[number], columns=wanted)


class _readable:
    """Turns the exceptions that a damaged file can raise into an InputError."""

    def __init__(self, name: str, kind: str) -> None:
        self.name, self.kind = name, kind

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        import pyarrow

        # In a damaged file, the name of a column may be invalid UTF-8, and a size may be any number.
        wrong = (OSError, ValueError, MemoryError, OverflowError, LookupError, TypeError)
        if isinstance(error, (pyarrow.ArrowException, *wrong)) and not isinstance(error, InputError):
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            wrong_file = f"it is not a readable {self.kind} file ({reason})"
            raise InputError(f"{self.name}: {wrong_file}; write it again") from None


def _parquet(file: IO[bytes], size: int) -> Any:
    from pyarrow import parquet

    # Without a buffer, a whole row group is read at once, which can be the whole file. With a buffer, memory
    # is allocated for the size in the header of each page.
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
    file_size: int | None = None,
) -> Iterator[Row]:
    """Yield the rows of Arrow batches or tables, each with its number, counted from 1.

    Args:
        batches: the batches.
        name: the name of the table in messages.
        wanted: the columns of a row.
        columns: the columns in which class numbers are replaced by class names.
        schema: schema of the batches, which may have class names.
        file_size: bytes of the file of the batches; None if they are already in memory.
    """
    number = decompressed = 0
    names = {column: names for column, names in class_names(schema.metadata).items() if column in columns}
    for batch in batches:
        cells = [batch.column(column) for column in wanted]
        for place, values in enumerate(zip(*cells, strict=True)):
            number += 1
            if file_size is not None:
                sizes = [size_of(array, place) for array in cells]
                too_large = max(sizes, default=0) > MAX_REVIEW_BYTES
                decompressed += ROW_BYTES + (0 if too_large else sum(sizes))
                require_ratio(decompressed, file_size, name)
                if too_large:
                    column = wanted[sizes.index(max(sizes))]
                    wrong = f"column {column!r} has more than {MAX_REVIEW_BYTES:,} bytes; remove the row"
                    yield number, InputError(f"{name}:{number}: {wrong}")
                    continue
            try:
                row = {column: value.as_py() for column, value in zip(wanted, values, strict=True)}
                yield number, _with_names(row, names, f"{name}:{number}")
            except InputError as error:
                yield number, error
            except UnicodeDecodeError:
                yield number, InputError(f"{name}:{number}: a text is not UTF-8; write the column as strings")


def class_names(metadata: dict[bytes, bytes] | None) -> dict[str, list[str]]:
    """Return the class names of each column that has some.

    Hugging Face's datasets store the names of a `ClassLabel` in the metadata of the schema.
    """
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        # A list of class labels has the names one level deeper.
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
    """Returns a row in which class numbers are replaced by class names."""
    for column, known in names.items():
        value = row.get(column)
        numbers: list[Any] = value if isinstance(value, list) else [value]
        if not all(isinstance(number, int) for number in numbers):
            continue
        if wrong := [number for number in numbers if not 0 <= number < len(known) and value != -1]:
            raise InputError(
                f"{source}: column {column!r} is {wrong[0]}, and the schema has only {len(known)} classes; "
                "correct or remove the row"
            )
        if value == -1:
            raise InputError(f"{source}: column {column!r} is -1, which means no label; remove the row")
        named = [known[number] for number in numbers]
        row[column] = named if isinstance(value, list) else named[0]
    return row
