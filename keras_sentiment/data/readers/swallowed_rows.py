"""Detection of stray quotes, which turn several rows into one record."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator

from keras_sentiment.data.readers.dialect import Columns, Dialect, Record, SwallowedRows, Undecoded
from keras_sentiment.errors import InputError

MAX_VALUES = 50  # distinct words of a column that are remembered
MAX_LABELS = 1000
# Characters of a text that are searched for rows.
MAX_SEARCHED = 1 << 20


def refuse_swallowed(
    records: Iterator[Record], dialect: Dialect, columns: Columns, name: str
) -> Iterator[Record]:
    """Yield records; a record that seems to contain other rows is replaced by an error.

    A record contains other rows if at least two of its lines look like rows: they have one field for each
    column, a known label, and numbers and words in the same columns as other rows.

    Args:
        records: the records.
        dialect: the dialect of the table.
        columns: the wanted columns, each with the option that names it.
        name: the name of the table in messages.
    """
    wanted = {option: dialect.names.index(column) for column, option in columns.items()}
    seen = _Rows(len(dialect.names), wanted.get("--text-column"), wanted.get("--label-column"))
    for number, record in records:
        fields = record.fields if isinstance(record, Undecoded) else record
        if isinstance(fields, InputError):
            yield number, record
            continue
        if not any("\n" in field for field in fields):
            seen.add(fields)
        elif count := seen.count_in(dialect.delimiter.join(fields), dialect):
            yield (
                number,
                SwallowedRows(
                    f"{name}:{number}: {count:,} lines of its text look like rows; if quotes are ordinary "
                    "text in this file, use --quoting none, otherwise --quoting minimal"
                ),
            )
            continue
        yield number, record


class _Column:
    """The words and numbers in a column, from the rows of one line."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._shapes: set[str] = set()
        self._is_text = False

    @property
    def tells(self) -> bool:
        """Whether the column helps to tell a row from a line of text."""
        return not self._is_text and bool(self._values)

    def add(self, field: str) -> None:
        self._is_text = self._is_text or any(character.isspace() for character in field)
        if self._is_text:
            return
        if len(self._values) <= MAX_VALUES:
            self._values.add(field)
            self._shapes.add(_shape(field))

    def may_hold(self, field: str) -> bool:
        """Return whether the column has this word, or a number of this shape."""
        shape = _shape(field)
        return self._is_text or field in self._values or ("9" in shape and shape in self._shapes)


class _Rows:
    """The columns and labels of the rows of one line.

    Args:
        fields: number of columns.
        text: index of the text column, or None.
        label: index of the label column, or None.
    """

    def __init__(self, fields: int, text: int | None, label: int | None) -> None:
        self._fields, self._label = fields, label
        self._columns = {place: _Column() for place in range(fields) if place not in (text, label)}
        self._labels: set[str] = set()

    def add(self, fields: list[str]) -> None:
        """Adds a row of one line."""
        if len(fields) != self._fields:
            return
        for place, column in self._columns.items():
            column.add(fields[place])
        if self._label is not None and len(self._labels) <= MAX_LABELS:
            self._labels.add(fields[self._label])

    def count_in(self, text: str, dialect: Dialect) -> int:
        """Return the number of lines of a text that look like rows, or 0 if it is less than two."""
        lines = [
            next(csv.reader([line], delimiter=dialect.delimiter), [])
            for line in text[:MAX_SEARCHED].splitlines()
        ]
        rows = [
            line
            for line in lines
            if len(line) == self._fields
            and all(column.may_hold(line[place]) for place, column in self._columns.items())
        ]
        if self._label is None:
            tells = any(column.tells for column in self._columns.values())
            return len(rows) if len(rows) > 1 and tells else 0
        found = Counter(row[self._label] for row in rows)
        known = set(self._labels)
        if len(known) < 2:  # a value that two of the lines have may be a label too
            known |= {label for label, count in found.items() if count > 1}
        shapes = {_shape(label) for label in self._labels}
        like = sum(count for label, count in found.items() if _shape(label) in shapes)
        exact = sum(count for label, count in found.items() if label in known)
        return like if like > 3 else exact if exact > 1 else 0


def _shape(field: str) -> str:
    """Return a field with each number replaced by 9 and each word by a."""
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "9", field[:100]))
