"""Reviews from the rows of a labelled table."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from keras_sentiment.data.config import PrepareConfig
from keras_sentiment.data.readers.bad_rows import BadRows
from keras_sentiment.data.readers.dialect import Columns, Dialect, SwallowedRows
from keras_sentiment.data.readers.tables import Table, open_named, require_text
from keras_sentiment.data.reviews import Review
from keras_sentiment.errors import InputError, require_label

_WHOLE = re.compile(r"(-?(?:0|[1-9][0-9]*))\.0+")
# Several values as Python and NumPy print them: [1, 0], [1 0], ('a', 'b').
_LIST = re.compile(r"\[[^\[\]]*[^\[\]\s][,\s]+[^\[\]\s][^\[\]]*\]|\([^()]*,[^()]*\)|\{[^{}]*,[^{}]*\}")
_LIST_OF_ONE = re.compile(r"\[\s*(?P<quote>['\"]?)(?P<label>[^\[\]'\",\s]+)(?P=quote)\s*\]")
_NUMBERS = re.compile(r"[0-9]+(?: *, *[0-9]+)+")


def label_text(value: Any, column: str, source: str) -> str:
    """Return a label or a group as text, which is the same for all file formats.

    Whole numbers lose `.0`, and True becomes `true`. A list of one label becomes that label.

    Args:
        value: the cell.
        column: name of its column, for messages.
        source: file and row, for messages.

    Raises:
        InputError: the cell is empty, or has several values.
    """
    if isinstance(value, (list, tuple)) and len(value) == 1:
        (value,) = value
    if isinstance(value, str) and (one := _LIST_OF_ONE.fullmatch(value.strip())):
        value = one["label"]
    if isinstance(value, Decimal):
        value = int(value) if value.is_finite() and value == int(value) else str(value)
    if isinstance(value, float):
        value = None if math.isnan(value) else int(value) if value.is_integer() else value
    if isinstance(value, (bool, int)):
        value = str(value)
    if isinstance(value, (list, tuple, dict)) and not value:
        value = None
    if isinstance(value, (list, tuple, dict)) or (isinstance(value, str) and _LIST.fullmatch(value.strip())):
        raise _several(value, column, source)
    if not isinstance(value, str) or value.strip() in ("", "[]"):
        shown = "empty" if value is None or isinstance(value, str) else f"of type {type(value).__name__}"
        raise InputError(f"{source}: column {column!r} is {shown}; write a name or a whole number")
    name = value.strip()
    if name in ("True", "TRUE", "False", "FALSE"):
        return name.lower()
    whole = _WHOLE.fullmatch(name)
    return str(int(whole[1])) if whole else name


def _several(value: Any, column: str, source: str) -> InputError:
    return InputError(
        f"{source}: column {column!r} has several values ({str(value).strip()!r:.60}); write one name or "
        "number, because a text has one label"
    )


def review_of(row: dict[str, Any], source: str, config: PrepareConfig) -> Review:
    """Returns the review in a row.

    Args:
        row: the cells by column.
        source: file and row, for messages.
        config: the names of the columns.

    Raises:
        InputError: the text is missing or too long, or the label is missing or has several values.
    """
    group = config.group_column
    text = require_text(row, config.text_column, source)
    label = label_text(row[config.label_column], config.label_column, source)
    require_label(label, f"{source}: column {config.label_column!r}")
    if _NUMBERS.fullmatch(label):  # several labels, as in GoEmotions
        raise _several(label, config.label_column, source)
    return Review(
        text,
        label,
        source,
        group=None if group is None else label_text(row[group], group, source),
    )


def wanted_columns(config: PrepareConfig) -> Columns:
    """Returns the columns of a labelled table, each with the option that names it.

    Raises:
        InputError: the text and the label have the same column.
    """
    columns = {config.text_column: "--text-column", config.label_column: "--label-column"}
    if len(columns) < 2:
        raise InputError(
            f"--text-column and --label-column are both {config.text_column!r}; name two different columns"
        )
    if config.group_column is not None:
        columns.setdefault(config.group_column, "--group-column")
    return columns


def read_reviews(
    path: str | Path,
    config: PrepareConfig,
    bad_rows: BadRows,
    say: Callable[[str | None], None],
    name: str | None = None,
) -> Iterator[Review]:
    """Yield the reviews of a labelled table.

    Args:
        path: path of the file; `-` is standard input.
        config: how the table is read.
        bad_rows: receives the rows that can't be used.
        say: receives a remark about how the file is read.
        name: the name of the table in messages; by default the file name.

    Raises:
        InputError: while iterating, if the table as a whole can't be read.
    """
    with open_named(path, config, wanted_columns(config), True, name) as table:
        say(table.remark)
        yield from reviews_of_table(table, config, bad_rows)


def reviews_of_table(table: Table, config: PrepareConfig, bad_rows: BadRows) -> Iterator[Review]:
    """Yield the reviews of an open table; rows that can't be used go to `bad_rows`."""
    dialect = table.dialect if table.dialect and table.dialect.format == "csv" else None
    for number, row in table.rows():
        try:
            if isinstance(row, InputError):
                raise row
            review = review_of(row, f"{table.name}:{number}", config)
            if dialect is not None:
                _require_header(review, dialect, config.label_column)
        except InputError as error:
            bad_rows.add(error)
        else:
            yield review


def _require_header(review: Review, dialect: Dialect, column: str) -> None:
    """Raises an error if a label is the name of its column; then the first row is probably not a header."""
    if dialect.has_header and review.label == column:
        raise SwallowedRows(
            f"{review.source}: its label {column!r} is also the name of the column, so the first row seems "
            "to be a review; name all columns with --columns"
        )
