"""Quotes that swallow rows: a record of several lines that are rows by themselves."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator

from keras_sentiment.data.readers.dialect import Columns, Dialect, Record, SwallowedRows, Undecoded
from keras_sentiment.errors import InputError

MAX_VALUES = 50  # of a column of words; one with more tells nothing
MAX_LABELS = 1000
# Characters of a text in which rows are looked for.
MAX_LOOKED_AT = 1 << 20


def refuse_swallowed(
    records: Iterator[Record], dialect: Dialect, columns: Columns, name: str
) -> Iterator[Record]:
    """Yield records, and an error in the place of one that swallowed others.

    Two lines of a record or more must look like rows: as many fields as there are columns, with a label that
    is known, and numbers and words where other rows have them.

    Args:
        columns: that are wanted, with the option that names each.
        name: of the table.
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
                    f"{name}:{number}: lines of its text are rows themselves ({count:,} of them); if quotes "
                    "are text in this file, give --quoting none; if they are not, --quoting minimal"
                ),
            )
            continue
        yield number, record


class _Column:
    """What stands in a column of rows of one line."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._shapes: set[str] = set()
        self._is_text = False

    @property
    def tells(self) -> bool:
        """Whether it tells a row from a line of text."""
        return not self._is_text and bool(self._values)

    def add(self, field: str) -> None:
        self._is_text = self._is_text or any(character.isspace() for character in field)
        if self._is_text:
            return
        if len(self._values) <= MAX_VALUES:
            self._values.add(field)
            self._shapes.add(_shape(field))

    def may_hold(self, field: str) -> bool:
        """Return whether it has such a number, or this word."""
        shape = _shape(field)
        return self._is_text or field in self._values or ("9" in shape and shape in self._shapes)


class _Rows:
    """What the fields of rows look like."""

    def __init__(self, fields: int, text: int | None, label: int | None) -> None:
        self._fields, self._label = fields, label
        self._columns = {place: _Column() for place in range(fields) if place not in (text, label)}
        self._labels: set[str] = set()

    def add(self, fields: list[str]) -> None:
        """Looks at a row of one line."""
        if len(fields) != self._fields:
            return
        for place, column in self._columns.items():
            column.add(fields[place])
        if self._label is not None and len(self._labels) <= MAX_LABELS:
            self._labels.add(fields[self._label])

    def count_in(self, text: str, dialect: Dialect) -> int:
        """Return how many lines of a text look like rows, or 0 for fewer than two."""
        lines = [
            next(csv.reader([line], delimiter=dialect.delimiter), [])
            for line in text[:MAX_LOOKED_AT].splitlines()
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
        if len(known) < 2:  # what two lines have in its place may be one, too
            known |= {label for label, count in found.items() if count > 1}
        shapes = {_shape(label) for label in self._labels}
        like = sum(count for label, count in found.items() if _shape(label) in shapes)
        exact = sum(count for label, count in found.items() if label in known)
        return like if like > 3 else exact if exact > 1 else 0


def _shape(field: str) -> str:
    """Return what a field has in common with others of its column: numbers are 9, words a."""
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "9", field[:100]))
