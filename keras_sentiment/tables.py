"""Readers of tables of reviews, labelled or not: CSV, TSV, JSON Lines and Parquet files, a review a row.

Every kind of table has one reader of rows; a row that can't be read comes as the error that tells of it, so
that the caller decides whether to stop or to go on.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

from keras_sentiment.config import PrepareConfig
from keras_sentiment.errors import InputError
from keras_sentiment.reviews import LARGEST_REVIEW, Review, decode

# Bytes of a line, which may hold several texts. A file without line ends need not fit into memory.
LONGEST_LINE = 4 * LARGEST_REVIEW

# Bytes of a Parquet file.
LARGEST_AT_ONCE = 64 << 20

# The columns that are wanted, with the option that names each.
Columns = dict[str, str]
# A row of a table: the number of its first line (in Parquet, of the row), and its cells or what is wrong.
Row = tuple[int, dict[str, Any] | InputError]
# From a file, what a message calls it, and the columns.
RowReader = Callable[[IO[bytes], str, Columns], Iterator[Row]]

# What stands between two cells of a table of lines.
_DELIMITERS = {"csv": ",", "tsv": "\t"}


def _cell(value: Any, column: str, source: str) -> str:
    """Return a label or a group as text: whole numbers and booleans are accepted beside strings."""
    if isinstance(value, bool):
        value = str(value).lower()
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        shown = "nothing" if value is None or isinstance(value, str) else f"a {type(value).__name__}"
        raise InputError(f"{source}: column {column!r} holds {shown}; write a name or a whole number there")
    return value.strip()


def _text(row: dict[str, Any], column: str, source: str) -> str:
    text = row[column]
    if not isinstance(text, str):
        found = "nothing" if text is None else f"a {type(text).__name__}"
        raise InputError(f"{source}: column {column!r} holds {found}, not a text; remove the row")
    return text


def _review(row: dict[str, Any], source: str, config: PrepareConfig) -> Review:
    group = config.group_column
    return Review(
        _text(row, config.text_column, source),
        _cell(row[config.label_column], config.label_column, source),
        source,
        group=None if group is None else _cell(row[group], group, source),
    )


def _columns(config: PrepareConfig) -> Columns:
    columns = {config.text_column: "--text-column", config.label_column: "--label-column"}
    if len(columns) < 2:
        raise InputError(
            f"--text-column and --label-column both name {config.text_column!r}; name two columns"
        )
    if config.group_column is not None:
        columns.setdefault(config.group_column, "--group-column")
    return columns


def _require_columns(present: list[str], source: str, columns: Columns) -> None:
    for column, option in columns.items():
        if column not in present:
            has = ", ".join(repr(name) for name in present[:20]) or "none"
            raise InputError(f"{source}: no column {column!r}; it has {has}; name one with {option}")
        if present.count(column) > 1:
            raise InputError(f"{source}: two columns are called {column!r}; rename one")


def _lines(file: IO[bytes], name: str, first: int) -> Iterator[tuple[int, str, InputError | None]]:
    """Yield the lines of a file decoded one by one, so that a bad byte is told with its line.

    A line is what the file holds between two \\n, so that numbers agree with an editor's. None is read ahead.
    """
    for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE + 1), b""), first):
        if len(line) > LONGEST_LINE:
            raise InputError(f"{name}:{number}: a line of more than {LONGEST_LINE:,} bytes; break it")
        try:
            yield number, decode(line, f"{name}:{number}"), None
        except InputError as error:
            yield number, line.decode("utf-8", "replace"), error


def _records(
    file: IO[bytes], name: str, delimiter: str, first: int = 1
) -> Iterator[tuple[int, list[str] | InputError]]:
    """Yield the records of a separated table, its header too, each with the number of its first line."""
    # It refuses what is above 128 KiB unless told.
    csv.field_size_limit(LARGEST_REVIEW)
    undecoded: list[InputError] = []

    def lines() -> Iterator[str]:
        # The parser sees bad lines too: it has to know where the record ends that they belong to.
        for _, line, error in _lines(file, name, first):
            if error is not None:
                undecoded.append(error)
            yield line

    reader = csv.reader(lines(), delimiter=delimiter, strict=True)
    while True:
        number, error, row = first + reader.line_num, None, []
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error as wrong:
            last = first + reader.line_num - 1
            lost = f" (read up to line {last})" if last > number else ""
            error = InputError(
                f"{name}:{number}: {wrong}{lost}; quote the review and double the quotes inside it"
            )
        if undecoded:
            error = undecoded[0]
            undecoded.clear()
        if error is not None:
            yield number, error
        elif row:
            yield number, row


def _header(records: Iterator[tuple[int, list[str] | InputError]], name: str, columns: Columns) -> list[str]:
    for _, record in records:
        if isinstance(record, InputError):
            raise record
        header = [column.strip() for column in record]
        _require_columns(header, name, columns)
        return header
    return []


def _named(
    records: Iterator[tuple[int, list[str] | InputError]], header: Sequence[str], name: str
) -> Iterator[Row]:
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


def _separated(file: IO[bytes], name: str, columns: Columns, delimiter: str) -> Iterator[Row]:
    records = _records(file, name, delimiter)
    header = _header(records, name, columns)
    yield from _named(records, header, name)


def _json_lines(file: IO[bytes], name: str, columns: Columns, first: int = 1) -> Iterator[Row]:
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


def _parquet(file: IO[bytes], name: str, columns: Columns) -> Iterator[Row]:
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
        buffer_size = 1 << 20 if size > LARGEST_AT_ONCE else 0
        with parquet.ParquetFile(file, buffer_size=buffer_size, pre_buffer=False) as table:
            _require_columns(table.schema_arrow.names, name, columns)
            number = 0
            for batch in table.iter_batches(batch_size=1024, columns=list(columns)):
                for values in zip(*(batch.column(column) for column in columns), strict=True):
                    number += 1
                    try:
                        yield number, {c: value.as_py() for c, value in zip(columns, values, strict=True)}
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


def _text_lines(file: IO[bytes], name: str, columns: Columns, first: int = 1) -> Iterator[Row]:
    """Yield a row a line, which is the value of every column."""
    for number, line, error in _lines(file, name, first):
        text = line.removesuffix("\n").removesuffix("\r")
        yield number, error or dict.fromkeys(columns, text)


_TABLES: dict[str, RowReader] = {
    **{name: partial(_separated, delimiter=delimiter) for name, delimiter in _DELIMITERS.items()},
    "jsonl": _json_lines,
    "parquet": _parquet,
}
# Texts alone can stand a line each as well.
TEXT_FORMATS: dict[str, RowReader] = {"txt": _text_lines, **_TABLES}


def _read_reviews(path: Path, config: PrepareConfig, read_rows: RowReader) -> Iterator[Review]:
    with path.open("rb") as file:
        for number, row in read_rows(file, path.name, _columns(config)):
            if isinstance(row, InputError):
                raise row
            yield _review(row, f"{path.name}:{number}", config)


READERS: dict[str, Callable[[Path, PrepareConfig], Iterator[Review]]] = {
    f".{name}": partial(_read_reviews, read_rows=read_rows) for name, read_rows in _TABLES.items()
}


def read_texts(
    file: IO[bytes], name: str, text_format: str, column: str
) -> Iterator[tuple[int, str | InputError]]:
    """Yield the texts of a table without labels, each with the number of its line or row.

    Args:
        file: the table, read once and from the start to the end; Parquet needs one that can seek.
        name: what a message calls it.
        text_format: a key of `TEXT_FORMATS`.
        column: of the texts; lines of text have none.

    Returns:
        The number, and the text or what is wrong with the row.

    Raises:
        InputError: while iterating, for what is wrong with the table and not with a row.
    """
    rows = TEXT_FORMATS[text_format](file, name, _text_columns(column))
    for number, row in _with_texts(rows, column, name):
        yield number, row if isinstance(row, InputError) else row[column]


def read_header(file: IO[bytes], name: str, text_format: str, column: str) -> list[str]:
    """Read the names of the columns that stand before the rows of a CSV or TSV file; others have none there.

    Args:
        file: the table, from its start; not read further than that.
        name: what a message calls it.
        text_format: a key of `TEXT_FORMATS`.
        column: of the texts.

    Raises:
        InputError: it can't be read, or there is no such column.
    """
    if text_format not in _DELIMITERS:
        return []
    return _header(_records(file, name, _DELIMITERS[text_format]), name, _text_columns(column))


def read_rows(
    file: IO[bytes], name: str, text_format: str, column: str, header: Sequence[str], line: int
) -> Iterator[Row]:
    """Yield the whole rows of a table of lines, not Parquet, from where its file stands.

    No line is read before the row is asked for to which it belongs, so that between two rows the file
    stands where the next one begins.

    Args:
        header: what `read_header` says.
        line: the number of the line at which the file stands.

    Returns:
        As `read_texts`, with the row instead of its text.
    """
    columns = _text_columns(column)
    if text_format in _DELIMITERS:
        rows = _named(_records(file, name, _DELIMITERS[text_format], line), header, name)
    else:
        rows = (_json_lines if text_format == "jsonl" else _text_lines)(file, name, columns, line)
    return _with_texts(rows, column, name)


def _text_columns(column: str) -> Columns:
    return {column: "--text-column"}


def _with_texts(rows: Iterable[Row], column: str, name: str) -> Iterator[Row]:
    """Yield the rows whose text is one, and what is wrong with the others."""
    for number, row in rows:
        if not isinstance(row, InputError):
            try:
                _text(row, column, f"{name}:{number}")
            except InputError as error:
                row = error
        yield number, row
