"""Rows of tables, whatever they hold: CSV, TSV, JSON Lines, Parquet and lines of text.

Every kind of table has one reader; a row that can't be read comes as the error that tells of it, so that the
caller decides whether to stop or to go on.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, Any, Literal

from keras_sentiment.data.reviews import MAX_REVIEW_BYTES, decode
from keras_sentiment.errors import InputError

# Bytes of a line, which may hold several texts. A file without line ends need not fit into memory.
MAX_LINE_BYTES = 4 * MAX_REVIEW_BYTES

# Bytes of a Parquet file.
MAX_AT_ONCE = 64 << 20

# The columns that are wanted, with the option that names each.
Columns = dict[str, str]
# A record of a separated table: the number of its first line, and its cells or what is wrong.
Record = tuple[int, list[str] | InputError]
# A row of a table: the number of its first line (in Parquet, of the row), and its cells or what is wrong.
Row = tuple[int, dict[str, Any] | InputError]
# From a file, what a message calls it, and the columns.
RowReader = Callable[[IO[bytes], str, Columns], Iterator[Row]]

Quoting = Literal["minimal", "none"]
_FIX = (
    "quote the review and double the quotes inside it; where quotes are text, prepare and evaluate read it "
    "with --quoting none"
)

# What stands between two cells of a table of lines.
DELIMITERS = {"csv": ",", "tsv": "\t"}


class SwallowedRows(InputError):
    """Quotes made one record of several lines, which may be rows: leaving it out would lose them."""


def _require_columns(present: list[str], source: str, columns: Columns) -> None:
    for column, option in columns.items():
        if column not in present:
            has = ", ".join(repr(name) for name in present[:20]) or "none"
            raise InputError(f"{source}: no column {column!r}; it has {has}; name one with {option}")
    require_different(columns, present, source)


def require_different(columns: Iterable[str], present: Sequence[str], source: str) -> None:
    """Raises an InputError if one of some columns is present twice."""
    for column in columns:
        if present.count(column) > 1:
            raise InputError(f"{source}: two columns are called {column!r}; rename one")


def _lines(file: IO[bytes], name: str, first: int) -> Iterator[tuple[int, str, InputError | None]]:
    """Yield the lines of a file decoded one by one, so that a bad byte is told with its line.

    A line is what the file holds between two \\n, so that numbers agree with an editor's. None is read ahead.
    """
    for number, line in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES + 1), b""), first):
        if len(line) > MAX_LINE_BYTES:
            raise InputError(f"{name}:{number}: a line of more than {MAX_LINE_BYTES:,} bytes; break it")
        try:
            yield number, decode(line, f"{name}:{number}"), None
        except InputError as error:
            yield number, line.decode("utf-8", "replace"), error


def read_records(
    file: IO[bytes], name: str, delimiter: str, first: int = 1, quoting: Quoting = "minimal"
) -> Iterator[Record]:
    """Yield the records of a separated table, its header too, each with the number of its first line.

    Args:
        quoting: `"minimal"` reads a cell between double quotes as one, `"none"` takes quotes for text.
    """
    # It refuses what is above 128 KiB unless told.
    csv.field_size_limit(MAX_REVIEW_BYTES)
    undecoded: list[InputError] = []

    def lines() -> Iterator[str]:
        # The parser sees bad lines too: it has to know where the record ends that they belong to.
        for _, line, error in _lines(file, name, first):
            if error is not None:
                undecoded.append(error)
            yield line

    style: Literal[0, 3] = csv.QUOTE_NONE if quoting == "none" else csv.QUOTE_MINIMAL
    reader = csv.reader(lines(), delimiter=delimiter, quoting=style, strict=True)
    while True:
        number, error, row = first + reader.line_num, None, []
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error as wrong:
            last = first + reader.line_num - 1
            lost = f" (read up to line {last})" if last > number else ""
            error = (SwallowedRows if lost else InputError)(f"{name}:{number}: {wrong}{lost}; {_FIX}")
        last = first + reader.line_num - 1
        if delimiter == "\t" and any("\t" in cell and "\n" in cell for cell in row):
            between = f"quotes here and in line {last} make one cell of what is between, tabs too"
            error = SwallowedRows(f"{name}:{number}: {between}; {_FIX}")
        if undecoded:
            error = undecoded[0]
            undecoded.clear()
        if error is not None:
            yield number, error
        elif row:
            yield number, row


def header_of(records: Iterator[Record], name: str, columns: Columns) -> list[str]:
    for _, record in records:
        if isinstance(record, InputError):
            raise record
        header = [column.strip() for column in record]
        _require_columns(header, name, columns)
        return header
    return []


def named(records: Iterator[Record], header: Sequence[str], name: str) -> Iterator[Row]:
    """Yield the records that follow a header as rows."""
    for number, record in records:
        if isinstance(record, InputError):
            yield number, record
        elif len(record) != len(header):
            yield (
                number,
                InputError(
                    f"{name}:{number}: {len(record)} fields where the header has {len(header)}; "
                    "quote a review that holds the separator"
                ),
            )
        else:
            yield number, dict(zip(header, record, strict=True))


def read_separated(
    file: IO[bytes], name: str, columns: Columns, delimiter: str, quoting: Quoting = "minimal"
) -> Iterator[Row]:
    records = read_records(file, name, delimiter, quoting=quoting)
    header = header_of(records, name, columns)
    yield from named(records, header, name)


def read_json_lines(file: IO[bytes], name: str, columns: Columns, first: int = 1) -> Iterator[Row]:
    for number, line, error in _lines(file, name, first):
        if error is not None:
            yield number, error
        elif line.strip():
            try:
                yield number, _json_object(line, f"{name}:{number}", columns)
            except InputError as wrong:
                yield number, wrong


def _json_object(line: str, source: str, columns: Columns) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{source}: not JSON ({error}); write one object a line") from None
    if not isinstance(row, dict):
        raise InputError(f"{source}: a {type(row).__name__}, not an object; write one object a line")
    _require_columns(list(row), source, columns)
    return row


def read_parquet(file: IO[bytes], name: str, columns: Columns) -> Iterator[Row]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise InputError(f"{name}: Parquet needs pyarrow; run: pip install pyarrow") from None
    try:
        # Unless it is buffered, a whole group of rows is read at once, which can be the whole file; where it
        # is, a page gets the room that it says it needs. (The metadata can't be asked for sizes: pyarrow
        # ends the process where they are damaged.)
        size = file.seek(0, os.SEEK_END)
        buffer_size = 1 << 20 if size > MAX_AT_ONCE else 0
        with parquet.ParquetFile(file, buffer_size=buffer_size, pre_buffer=False) as table:
            _require_columns(table.schema_arrow.names, name, columns)
            number, names = 0, _class_names(table.schema_arrow.metadata)
            for batch in table.iter_batches(batch_size=1024, columns=list(columns)):
                for values in zip(*(batch.column(column) for column in columns), strict=True):
                    number += 1
                    try:
                        row = {c: value.as_py() for c, value in zip(columns, values, strict=True)}
                        yield number, _with_names(row, names, f"{name}:{number}")
                    except InputError as wrong:
                        yield number, wrong
                    except UnicodeDecodeError:
                        yield (
                            number,
                            InputError(f"{name}:{number}: not UTF-8; write the column as strings"),
                        )
    except InputError:
        raise
    # The name of a column may be no text, and a size may be any number.
    except (pyarrow.ArrowException, OSError, ValueError, MemoryError, OverflowError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(f"{name}: not a readable Parquet file ({reason})") from None


def _class_names(metadata: dict[bytes, bytes] | None) -> dict[str, list[str]]:
    """Return the names of the classes that the numbers of a column stand for, where the schema says so.

    Hugging Face's datasets write them there (`ClassLabel`).
    """
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        found = {column: feature["names"] for column, feature in features.items() if "names" in feature}
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return {}
    return {
        column: names
        for column, names in found.items()
        if isinstance(names, list) and all(isinstance(name, str) for name in names)
    }


def _with_names(row: dict[str, Any], names: dict[str, list[str]], source: str) -> dict[str, Any]:
    """Returns a row with the name of a class in the place of its number; -1 is a missing label there."""
    for column, known in names.items():
        value = row.get(column)
        if not isinstance(value, int):
            continue
        if not -1 <= value < len(known):
            raise InputError(
                f"{source}: column {column!r} holds {value}, and the file's schema names {len(known)} classes"
            )
        row[column] = None if value == -1 else known[value]
    return row


def read_lines(file: IO[bytes], name: str, columns: Columns, first: int = 1) -> Iterator[Row]:
    """Yield a row a line, which is the value of every column."""
    for number, line, error in _lines(file, name, first):
        text = line.removesuffix("\n").removesuffix("\r")
        yield number, error or dict.fromkeys(columns, text)
