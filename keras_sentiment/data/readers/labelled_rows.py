"""Rows of tables -> reviews: what a label is, and which rows are doubtful."""

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
# As Python and numpy print several: [1, 0], [1 0], ('a', 'b').
_LIST = re.compile(r"\[[^\[\]]*[^\[\]\s][,\s]+[^\[\]\s][^\[\]]*\]|\([^()]*,[^()]*\)|\{[^{}]*,[^{}]*\}")
_LIST_OF_ONE = re.compile(r"\[\s*(?P<quote>['\"]?)(?P<label>[^\[\]'\",\s]+)(?P=quote)\s*\]")
_NUMBERS = re.compile(r"[0-9]+(?: *, *[0-9]+)+")


def label_text(value: Any, column: str, source: str) -> str:
    """Return a label or a group as text, the same from every format.

    Whole numbers, with `.0` behind them or not, and true and false are written in one way. A list of one
    label is that label.

    Raises:
        InputError: there is none, or several.
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
    if isinstance(value, (list, tuple, dict)) or (isinstance(value, str) and _LIST.fullmatch(value.strip())):
        raise _several(value, column, source)
    if not isinstance(value, str) or value.strip() in ("", "[]"):
        shown = "nothing" if value is None or isinstance(value, str) else f"a {type(value).__name__}"
        raise InputError(f"{source}: column {column!r} holds {shown}; write a name or a whole number there")
    name = value.strip()
    if name in ("True", "TRUE", "False", "FALSE"):
        return name.lower()
    whole = _WHOLE.fullmatch(name)
    return str(int(whole[1])) if whole else name


def _several(value: Any, column: str, source: str) -> InputError:
    return InputError(
        f"{source}: column {column!r} holds {str(value).strip()!r:.60}, several values; a text has one "
        "label: write one name or number there"
    )


def review_of(row: dict[str, Any], source: str, config: PrepareConfig) -> Review:
    """Returns the review in a row.

    Raises:
        InputError: a cell is no text, or not one label.
    """
    group = config.group_column
    text = require_text(row, config.text_column, source)
    label = label_text(row[config.label_column], config.label_column, source)
    require_label(label, f"{source}: column {config.label_column!r}")
    if _NUMBERS.fullmatch(label):  # as GoEmotions has them
        raise _several(label, config.label_column, source)
    return Review(
        text,
        label,
        source,
        group=None if group is None else label_text(row[group], group, source),
    )


def wanted_columns(config: PrepareConfig) -> Columns:
    """Returns the columns of a labelled table, with the option that names each.

    Raises:
        InputError: two of them are one.
    """
    columns = {config.text_column: "--text-column", config.label_column: "--label-column"}
    if len(columns) < 2:
        raise InputError(
            f"--text-column and --label-column both name {config.text_column!r}; name two columns"
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
        path: of the file; `-` is standard input.
        say: is told how the file is read.
        name: what a message calls it; by default that of the file.

    Raises:
        InputError: while iterating, for what is wrong with the table and not with a row.
    """
    with open_named(path, config, wanted_columns(config), True, name) as table:
        say(table.remark)
        yield from reviews_of_table(table, config, bad_rows)


def reviews_of_table(table: Table, config: PrepareConfig, bad_rows: BadRows) -> Iterator[Review]:
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
    """Refuses a label that is called like its column: the first row was taken for the header."""
    if dialect.has_header and review.label == column:
        raise SwallowedRows(
            f"{review.source}: its label {column!r} is the name of the column too, so the first row seems to "
            "be a review; name all columns with --columns"
        )
