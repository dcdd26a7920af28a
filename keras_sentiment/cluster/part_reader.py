"""Reading of the parts of tables: every worker reads the same rows from a part."""

from __future__ import annotations

import itertools
import os
import weakref
from pathlib import Path

import pyarrow

from keras_sentiment.cluster.plan import Part, Parts, TableFile
from keras_sentiment.data.readers.arrow_rows import ArrowTable
from keras_sentiment.data.readers.dialect import Dialect
from keras_sentiment.data.readers.lines import Lines
from keras_sentiment.data.readers.table_rows import read_rows
from keras_sentiment.data.readers.tables import with_texts
from keras_sentiment.errors import InputError
from keras_sentiment.storage.untrusted import open_regular

# Limit for one part, which a worker reads into memory.
MAX_PART_BYTES = 512 << 20


class PartReader:
    """Reads parts.

    The reader keeps its position in a Parquet file, because a row group can only be decoded from its
    beginning and may be as large as the file.

    Args:
        parts: all parts of the input.
    """

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self._parquet: _ParquetRows | None = None

    def read(self, part: Part) -> pyarrow.Table:
        """Returns the rows of a part whose text can be read.

        Raises:
            InputError: the file can't be read, or has changed.
        """
        file = self.parts.files[part.file]
        try:
            if os.stat(file.path).st_size != file.size:
                raise ValueError
            table = self._rows(file, part) if file.dialect is None else self._lines(file, file.dialect, part)
            if len(table) != part.rows:
                raise ValueError
            return table
        except OSError as error:
            reason = f"a worker can't read it ({error.strerror})"
            raise InputError(f"{file.path}: {reason}; make it readable under this path") from None
        except InputError:
            raise
        except (pyarrow.ArrowException, ValueError, KeyError):
            reason = "it has changed since its rows were counted"
            raise InputError(f"{file.path}: {reason}; start the command again") from None

    def _lines(self, file: TableFile, dialect: Dialect, part: Part) -> pyarrow.Table:
        parts = self.parts
        with open(file.path, "rb") as stream:
            stream.seek(part.start)
            lines = Lines(stream, file.name, dialect.encoding, part.line, part.start)
            rows = read_rows(lines, dialect, {parts.text_column: "--text-column"})
            texts = with_texts(rows, parts.text_column, file.name)
            good = (row for _, row in texts if not isinstance(row, InputError))
            # islice stops after the last row, so nothing after the part is read.
            found = list(itertools.islice(good, part.rows))
        columns = []
        for field in parts.schema:
            try:
                columns.append(pyarrow.array([row.get(field.name) for row in found], field.type))
            except (pyarrow.ArrowException, ValueError, TypeError, OverflowError) as error:
                raise InputError(
                    f"{file.name}:{part.line}: from this line on, column {field.name!r} has a value that is "
                    f"not {field.type}, the type of its other values ({error}); write one type"
                ) from None
        return pyarrow.table(columns, schema=parts.schema)

    def _rows(self, file: TableFile, part: Part) -> pyarrow.Table:
        if self._parquet is None or self._parquet.path != file.path or self._parquet.place > part.start:
            self._parquet = _ParquetRows(file.path, part.start)
        try:
            table = self._parquet.take(part.start, part.stop)
        except BaseException:
            self._parquet = None
            raise
        table = table.select(self.parts.schema.names).replace_schema_metadata()
        return table.filter(pyarrow.array([_is_text(cell) for cell in table.column(self.parts.text_column)]))


def _is_text(cell: pyarrow.Scalar) -> bool:
    try:
        return isinstance(cell.as_py(), str)
    except UnicodeDecodeError:
        return False


class _ParquetRows:
    """The rows of a Parquet file from a row group on, in order."""

    def __init__(self, path: str, row: int) -> None:
        self.path, self.place = path, 0
        file = open_regular(Path(path), follow_links=True)
        weakref.finalize(self, file.close)
        try:
            table = ArrowTable(file, path, "parquet")
        except InputError as error:
            raise ValueError from error  # it was a table when its rows were counted
        group, rows = 0, table.group_rows()
        while group < len(rows) and self.place + rows[group] <= row:
            self.place += rows[group]
            group += 1
        self._batches = table.batches_from(group)
        self._rest: pyarrow.RecordBatch | None = None

    def take(self, start: int, stop: int) -> pyarrow.Table:
        """Returns the rows from `start` to `stop`; `start` is not before the current position."""
        found, size = [], 0
        while self.place < stop:
            batch = next(self._batches, None) if self._rest is None else self._rest
            if batch is None:
                raise ValueError("the file has fewer rows than before")
            end = min(self.place + len(batch), stop)
            if (size := size + batch.nbytes) > MAX_PART_BYTES:
                raise InputError(
                    f"{self.path}: rows {start + 1:,} to {stop:,} have more than {MAX_PART_BYTES >> 20} MiB; "
                    "leave out large columns"
                )
            found.append(batch.slice(max(0, start - self.place), max(0, end - max(start, self.place))))
            left = batch.slice(end - self.place)
            self._rest, self.place = (left if len(left) else None), end
        return pyarrow.Table.from_batches(found)
