"""Tables of reviews, labelled or not, a review a row."""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

from keras_sentiment.data.config import PrepareConfig
from keras_sentiment.data.readers.bad_rows import BadRows
from keras_sentiment.data.readers.table_rows import (
    DELIMITERS,
    Columns,
    Row,
    RowReader,
    SwallowedRows,
    header_of,
    named,
    read_json_lines,
    read_lines,
    read_parquet,
    read_records,
    read_separated,
)
from keras_sentiment.data.reviews import MAX_LABELS, Review
from keras_sentiment.errors import InputError

_WHOLE = re.compile(r"-?(0|[1-9][0-9]*)\.0")
_LIST = re.compile(r"\[[^\[\]]*,[^\[\]]*\]")


def _cell(value: Any, column: str, source: str) -> str:
    """Return a label or a group as text, the same from every format.

    Whole numbers, with `.0` behind them or not, and true and false are written in one way.
    """
    if isinstance(value, float):
        value = None if math.isnan(value) else int(value) if value.is_integer() else value
    if isinstance(value, (bool, int)):
        value = str(value)
    if isinstance(value, (list, tuple, dict)) or (isinstance(value, str) and _LIST.fullmatch(value.strip())):
        raise InputError(
            f"{source}: column {column!r} holds {str(value).strip():.60}, several values; a text has one "
            "label: write one name or number there"
        )
    if not isinstance(value, str) or not value.strip():
        shown = "nothing" if value is None or isinstance(value, str) else f"a {type(value).__name__}"
        raise InputError(f"{source}: column {column!r} holds {shown}; write a name or a whole number there")
    name = value.strip()
    if name in ("True", "TRUE", "False", "FALSE"):
        return name.lower()
    return str(int(name[:-2])) if _WHOLE.fullmatch(name) else name


def _text(row: dict[str, Any], column: str, source: str) -> str:
    text = row[column]
    if not isinstance(text, str):
        found = "nothing" if text is None else f"a {type(text).__name__}"
        raise InputError(f"{source}: column {column!r} holds {found}, not a text; remove the row")
    return text


def review_of(row: dict[str, Any], source: str, config: PrepareConfig) -> Review:
    """Returns the review in a row.

    Raises:
        InputError: a cell is no text, or no label.
    """
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


_TABLES: dict[str, RowReader] = {
    **{name: partial(read_separated, delimiter=delimiter) for name, delimiter in DELIMITERS.items()},
    "jsonl": read_json_lines,
    "parquet": read_parquet,
}
# Texts alone can stand a line each as well.
TEXT_FORMATS: dict[str, RowReader] = {"txt": read_lines, **_TABLES}


def _read_reviews(
    path: Path, config: PrepareConfig, bad_rows: BadRows, read_rows: RowReader
) -> Iterator[Review]:
    delimiter = DELIMITERS.get(path.suffix.lower().removeprefix("."))
    if delimiter is not None:
        read_rows = partial(read_separated, delimiter=delimiter, quoting=config.quoting)
    elif config.quoting != "minimal":
        raise InputError(f"{path.name}: --quoting is for {', '.join(DELIMITERS)}")
    labels: set[str] = set()
    with path.open("rb") as file:
        for number, row in read_rows(file, path.name, _columns(config)):
            try:
                if isinstance(row, InputError):
                    raise row
                review = review_of(row, f"{path.name}:{number}", config)
                if len(labels) <= MAX_LABELS:
                    labels.add(review.label)
                if delimiter is not None and "\n" in review.text:
                    _require_no_rows(review, row, config.label_column, delimiter, labels)
            except SwallowedRows:  # it is no single row that could be left out
                raise
            except InputError as error:
                bad_rows.add(error)
            else:
                yield review


def _require_no_rows(
    review: Review, row: dict[str, Any], column: str, delimiter: str, known: set[str]
) -> None:
    """Refuses a text of several lines that are rows by themselves: a stray quote swallowed them.

    Args:
        row: the review's, whose cells and whose place of the label the lines are compared with.
        column: of the label.
        known: labels that were seen; what two lines have in its place counts as one, too.
    """
    place = list(row).index(column)
    cells = [next(csv.reader([line], delimiter=delimiter), []) for line in review.text.splitlines()[1:-1]]
    found = Counter(line[place].strip() for line in cells if len(line) == len(row))
    swallowed = sum(count for label, count in found.items() if label in known or count > 1)
    if swallowed:
        raise SwallowedRows(
            f"{review.source}: lines of its text are rows themselves, with a label ({swallowed:,} of them); "
            "if quotes are text in this file, give --quoting none"
        )


READERS: dict[str, Callable[[Path, PrepareConfig, BadRows], Iterator[Review]]] = {
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
    if text_format not in DELIMITERS:
        return []
    return header_of(read_records(file, name, DELIMITERS[text_format]), name, _text_columns(column))


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
    if text_format in DELIMITERS:
        rows = named(read_records(file, name, DELIMITERS[text_format], line), header, name)
    else:
        rows = (read_json_lines if text_format == "jsonl" else read_lines)(file, name, columns, line)
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
