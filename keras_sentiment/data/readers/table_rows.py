"""Reading of the rows of text tables: delimited files, JSON, and lines of text.

A row that can't be read is yielded as an InputError, so that the caller decides whether to stop.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import IO, Any

from keras_sentiment.data.readers.dialect import MAX_SHOWN_NAMES, Columns, Dialect, only
from keras_sentiment.data.readers.json_values import JsonReader, require_small_json
from keras_sentiment.data.readers.lines import Lines
from keras_sentiment.data.readers.swallowed_rows import refuse_swallowed
from keras_sentiment.errors import InputError, first_line

# A row of a table: the number of its first line (in Parquet, Arrow and a JSON list, of the row), and its
# cells or the error.
Row = tuple[int, dict[str, Any] | InputError]
_SURROGATE = re.compile("[\ud800-\udfff]")
_SPACE = " \t\r\n\ufeff"


def read_rows(lines: Lines, dialect: Dialect, columns: Columns) -> Iterator[Row]:
    """Yield the rows of a text table, from the current position of its file, which is after the header.

    No line is read ahead. So between two rows, the position of `lines` is the beginning of the next row.

    Args:
        lines: the lines of the file.
        dialect: the dialect of the table.
        columns: columns that a row must have.
    """
    return _READERS[dialect.format](lines, dialect, columns)


def skip_header(lines: Lines, dialect: Dialect) -> None:
    """Skips the header, if there is one."""
    if dialect.has_header:
        next(dialect.records(lines), None)


def _separated(lines: Lines, dialect: Dialect, columns: Columns) -> Iterator[Row]:
    """Yield the records of a delimited table as rows."""
    names = dialect.names

    records = dialect.records(lines)
    if dialect.checks_quotes:
        records = refuse_swallowed(records, dialect, columns, lines.name)
    for number, record in records:
        if isinstance(record, InputError):
            yield number, record
        elif len(record) != len(names):
            yield (
                number,
                InputError(
                    f"{lines.name}:{number}: the row has {len(record)} instead of {len(names)} fields; "
                    + (
                        "write all fields of the row"
                        if len(record) < len(names)
                        else "put quotes around a review that contains the delimiter, or name all columns"
                    )
                ),
            )
        elif dialect.has_header and _repeats_header(record, names):
            yield number, InputError(f"{lines.name}:{number}: the row repeats the header; remove it")
        else:
            row: dict[str, Any] = dict(zip(names, record, strict=True))
            if dialect.escape is not None:  # databases write \N for a missing value
                row = {
                    column: None if field == f"{dialect.escape}N" else field for column, field in row.items()
                }
            yield number, row


def _repeats_header(record: list[str], names: tuple[str, ...]) -> bool:
    """Return whether a row is the header again, as in a file made by concatenating tables."""
    return len(names) > 1 and all(
        field.strip(_SPACE) == name for field, name in zip(record, names, strict=True)
    )


def _json_lines(lines: Lines, dialect: Dialect, columns: Columns) -> Iterator[Row]:
    for number, line, error in lines:
        if error is not None:
            yield number, error
        elif line.strip():
            source = f"{lines.name}:{number}"
            try:
                require_small_json(line, source)
                row = json.loads(line)
            except InputError as wrong:
                yield number, wrong
            except (ValueError, RecursionError) as wrong:
                fix = "write one JSON object a line, or a JSON list of objects"
                yield number, InputError(f"{source}: the line is not JSON ({first_line(wrong)}); {fix}")
            else:
                yield number, json_object(row, source, columns)


def json_object(row: Any, source: str, columns: Columns) -> dict[str, Any] | InputError:
    """Return a JSON value if it is an object with the wanted columns, else the error.

    Args:
        row: the value.
        source: file and row, for messages.
        columns: the wanted columns, each with the option that names it.
    """
    if _has_surrogate(row):
        return InputError(
            f"{source}: the row has half of a character (a lone surrogate); correct or remove it"
        )
    if not isinstance(row, dict):
        wrong = f"the row is of type {type(row).__name__} and not an object"
        return InputError(f"{source}: {wrong}; write one JSON object a line")
    for column, option in columns.items():
        if column not in row:
            has = only(list(row)[:MAX_SHOWN_NAMES])
            return InputError(
                f"{source}: the row has no column {column!r}{has}; remove it, or name "
                f"another column with {option}"
            )
    return row


def _has_surrogate(value: Any) -> bool:
    """Return whether a JSON value contains a lone surrogate, which can't be written as UTF-8."""
    if isinstance(value, str):
        return not value.isascii() and bool(_SURROGATE.search(value))
    if isinstance(value, dict):
        return any(map(_has_surrogate, value)) or any(map(_has_surrogate, value.values()))
    return isinstance(value, list) and any(map(_has_surrogate, value))


def read_json_list(file: IO[bytes], name: str, dialect: Dialect, columns: Columns) -> Iterator[Row]:
    """Yield the objects of a JSON list, each with its number in the list, counted from 1.

    Args:
        file: the file.
        name: the name of the file in messages.
        dialect: the dialect of the file.
        columns: columns that an object must have.

    Raises:
        InputError: while iterating, if the rest of the list can't be read.
    """
    reader, before = JsonReader(file, name, dialect.encoding), "["
    while True:
        found, number = reader.character(), reader.count + 1
        if found == "]" and before == ",":
            break
        if found != before:
            raise InputError(
                f"{name}: it is not a JSON list after object {reader.count}; write one JSON object a line"
            )
        reader.skip()
        if reader.character() == "]" and before == "[":
            break
        before = ","
        if not reader.character():
            raise InputError(f"{name}: object {number} is missing; write one JSON object a line")
        try:
            row = reader.value(f"{name}:{number}")
        except InputError:
            raise
        except (ValueError, RecursionError) as wrong:
            raise InputError(
                f"{name}: object {number} is not JSON ({first_line(wrong)}); write one JSON object a line"
            ) from None
        yield number, json_object(row, f"{name}:{number}", columns)
    reader.skip()
    if reader.character():
        raise InputError(f"{name}: there is text after the list; write one JSON object a line")


def _lines_of_text(lines: Lines, dialect: Dialect, columns: Columns) -> Iterator[Row]:
    """Yield one row for each line, in which every column is the line."""
    for number, line, error in lines:
        text = line.removesuffix("\n").removesuffix("\r")
        yield number, error or dict.fromkeys(columns, text)


_READERS: dict[str, Callable[[Lines, Dialect, Columns], Iterator[Row]]] = {
    "csv": _separated,
    "txt": _lines_of_text,
    "jsonl": _json_lines,
}
