"""Rows of tables of text: separated ones, JSON and lines.

A row that can't be read comes as the error that tells of it, so that the caller decides whether to stop or to
go on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import IO, Any

from keras_sentiment.data.readers.dialect import Columns, Dialect
from keras_sentiment.data.readers.json_values import JsonReader, require_small_json
from keras_sentiment.data.readers.lines import Lines
from keras_sentiment.data.readers.swallowed_rows import refuse_swallowed
from keras_sentiment.errors import InputError, first_line

# A row of a table: the number of its first line (in Parquet and a JSON list, of the row), and its cells or
# what is wrong.
Row = tuple[int, dict[str, Any] | InputError]
_HALF = re.compile("[\ud800-\udfff]")
_SPACE = " \t\r\n\ufeff"


def read_rows(lines: Lines, dialect: Dialect, columns: Columns) -> Iterator[Row]:
    """Yield the rows of a table of lines, from where its file stands, after its header.

    No line is read before the row is asked for to which it belongs, so that between two rows the file
    stands where the next one begins.

    Args:
        columns: that a row must have.
    """
    return _READERS[dialect.format](lines, dialect, columns)


def skip_header(lines: Lines, dialect: Dialect) -> None:
    """Passes over the header, if there is one."""
    if dialect.has_header:
        next(dialect.records(lines), None)


def _separated(lines: Lines, dialect: Dialect, columns: Columns) -> Iterator[Row]:
    """Yield the records of a separated table as rows."""
    names = dialect.names
    what = "the header has" if dialect.has_header else "there should be"
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
                    f"{lines.name}:{number}: {len(record)} fields where {what} {len(names)}; "
                    + (
                        "write all fields of the row"
                        if len(record) < len(names)
                        else "quote a review that holds the separator, or name all columns"
                    )
                ),
            )
        elif dialect.has_header and _repeats_header(record, names):
            yield number, InputError(f"{lines.name}:{number}: repeats the header; remove it")
        else:
            row: dict[str, Any] = dict(zip(names, record, strict=True))
            if dialect.escape is not None:  # databases write so what is missing
                row = {
                    column: None if field == f"{dialect.escape}N" else field for column, field in row.items()
                }
            yield number, row


def _repeats_header(record: list[str], names: tuple[str, ...]) -> bool:
    """Return whether a row is the header again, as where files were put one behind another."""
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
                fix = "write one object a line, or a list of objects"
                yield number, InputError(f"{source}: not JSON ({first_line(wrong)}); {fix}")
            else:
                yield number, json_object(row, source, columns)


def json_object(row: Any, source: str, columns: Columns) -> dict[str, Any] | InputError:
    """Return what JSON holds, if it is a row with some columns, or what is wrong."""
    if _has_half(row):
        return InputError(f"{source}: holds half of a character (a lone surrogate); remove or mend it")
    if not isinstance(row, dict):
        return InputError(f"{source}: a {type(row).__name__}, not an object; write one object a line")
    for column, option in columns.items():
        if column not in row:
            has = ", ".join(f"{name:.40}" for name in map(repr, list(row)[:20])) or "nothing"
            return InputError(
                f"{source}: this row has no {column!r}; it has {has}; remove it, or name another column with "
                f"{option}"
            )
    return row


def _has_half(value: Any) -> bool:
    """Return whether a value of JSON holds half of a character, which no file can be written with."""
    if isinstance(value, str):
        return not value.isascii() and bool(_HALF.search(value))
    if isinstance(value, dict):
        return any(map(_has_half, value)) or any(map(_has_half, value.values()))
    return isinstance(value, list) and any(map(_has_half, value))


def read_json_list(file: IO[bytes], name: str, dialect: Dialect, columns: Columns) -> Iterator[Row]:
    """Yield the objects of a JSON list, each with its number in the list, counted from 1.

    Raises:
        InputError: while iterating, from where the list can't be read.
    """
    reader, before = JsonReader(file, name, dialect.encoding), "["
    while True:
        found, number = reader.character(), reader.count + 1
        if found == "]" and before == ",":
            break
        if found != before:
            raise InputError(f"{name}: not a JSON list behind object {reader.count}; write an object a line")
        reader.skip()
        if reader.character() == "]" and before == "[":
            break
        before = ","
        if not reader.character():
            raise InputError(f"{name}: object {number} is missing; write an object a line")
        try:
            row = reader.value(f"{name}:{number}")
        except InputError:
            raise
        except (ValueError, RecursionError) as wrong:
            raise InputError(
                f"{name}: object {number} is not JSON ({first_line(wrong)}); write an object a line"
            ) from None
        yield number, json_object(row, f"{name}:{number}", columns)
    reader.skip()
    if reader.character():
        raise InputError(
            f"{name}: more text behind the list of {reader.count} objects; write an object a line"
        )


def _lines_of_text(lines: Lines, dialect: Dialect, columns: Columns) -> Iterator[Row]:
    """Yield a row a line, which is the value of every column."""
    for number, line, error in lines:
        text = line.removesuffix("\n").removesuffix("\r")
        yield number, error or dict.fromkeys(columns, text)


_READERS: dict[str, Callable[[Lines, Dialect, Columns], Iterator[Row]]] = {
    "csv": _separated,
    "txt": _lines_of_text,
    "jsonl": _json_lines,
}
