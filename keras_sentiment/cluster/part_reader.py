"""Parts of tables -> rows with all their columns, the same whoever reads them."""

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

# Of a part, which a worker holds in memory.
MOST_BYTES = 512 << 20


class PartReader:
    """Reads parts.

    What comes next in a Parquet file is read on from where it stands: a group of rows has to be decoded from
    its beginning, and may be as large as the file.
    """

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self._parquet: _ParquetRows | None = None

    def read(self, part: Part) -> pyarrow.Table:
        """Returns the rows of a part that can be read.

        Raises:
            InputError: the file isn't there, or is not what it was.
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
            raise InputError(f"{file.path}: a worker can't read it ({error.strerror})") from None
        except InputError:
            raise
        except (pyarrow.ArrowException, ValueError, KeyError):
            raise InputError(f"{file.path}: has changed since its rows were counted; start again") from None

    def _lines(self, file: TableFile, dialect: Dialect, part: Part) -> pyarrow.Table:
        parts = self.parts
        with open(file.path, "rb") as stream:
            stream.seek(part.start)
            lines = Lines(stream, file.name, dialect.encoding, part.line, part.start)
            rows = read_rows(lines, dialect, {parts.text_column: "--text-column"})
            texts = with_texts(rows, parts.text_column, file.name)
            good = (row for _, row in texts if not isinstance(row, InputError))
            # One that is asked for too many would be looked for in all that follows.
            found = list(itertools.islice(good, part.rows))
        columns = []
        for field in parts.schema:
            try:
                columns.append(pyarrow.array([row.get(field.name) for row in found], field.type))
            except (pyarrow.ArrowException, ValueError, TypeError, OverflowError) as error:
                raise InputError(
                    f"{file.name}:{part.line}: from this line on column {field.name!r} holds what can't be "
                    f"{field.type}, as it is elsewhere ({error}); write one type"
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
    """The rows of a Parquet file from a group of rows on, in order."""

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
        """Returns the rows from `start`, which is not before where it stands, to `stop`."""
        found, size = [], 0
        while self.place < stop:
            batch = next(self._batches, None) if self._rest is None else self._rest
            if batch is None:
                raise ValueError("fewer rows than there were")
            end = min(self.place + len(batch), stop)
            if (size := size + batch.nbytes) > MOST_BYTES:
                raise InputError(
                    f"{self.path}: rows {start + 1:,} to {stop:,} hold more than {MOST_BYTES >> 20} MB; "
                    "leave large columns out"
                )
            found.append(batch.slice(max(0, start - self.place), max(0, end - max(start, self.place))))
            left = batch.slice(end - self.place)
            self._rest, self.place = (left if len(left) else None), end
        return pyarrow.Table.from_batches(found)
