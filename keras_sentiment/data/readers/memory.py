"""Readers of what a program holds already: pairs of text and label, a data frame."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from keras_sentiment.data.config import PrepareConfig
from keras_sentiment.data.readers.bad_rows import BadRows
from keras_sentiment.data.readers.tables import review_of
from keras_sentiment.data.reviews import Review
from keras_sentiment.errors import InputError


def is_frame(source: Any) -> bool:
    """Returns whether something is a data frame, as of pandas or polars, by what it offers."""
    return hasattr(source, "columns") and hasattr(source, "__getitem__")


def read_frame(frame: Any, config: PrepareConfig, bad_rows: BadRows) -> Iterator[Review]:
    """Yields the reviews of a data frame; a message counts its rows from 1.

    Raises:
        InputError: a column is not there.
    """
    wanted = [config.text_column, config.label_column]
    if config.group_column is not None:
        wanted.append(config.group_column)
    names = list(frame.columns)
    for name in wanted:
        if names.count(name) != 1:
            found = ", ".join(map(str, names))
            raise InputError(f"the data frame must have one column {name!r}, and has {found}; name another")
    columns = [frame[name] for name in wanted]
    for number, cells in enumerate(zip(*columns, strict=True), 1):
        try:
            review = review_of(dict(zip(wanted, map(_plain, cells), strict=True)), f"row {number}", config)
        except InputError as error:
            bad_rows.add(error)
        else:
            yield review


def read_pairs(pairs: Iterable[Any], config: PrepareConfig, bad_rows: BadRows) -> Iterator[Review]:
    """Yields the reviews of `(text, label)` pairs; a message counts them from 1.

    Raises:
        InputError: one is no pair.
    """
    if config.group_column is not None:
        raise InputError("group_column needs a table; pairs have none")
    for number, pair in enumerate(pairs, 1):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise InputError(f"pair {number}: it must be (text, label). Received: {pair!r:.100}")
        row = {config.text_column: _plain(pair[0]), config.label_column: _plain(pair[1])}
        try:
            review = review_of(row, f"pair {number}", config)
        except InputError as error:
            bad_rows.add(error)
        else:
            yield review


def _plain(cell: Any) -> Any:
    """Returns a number of numpy's as one of Python's, and `None` of what pandas calls missing."""
    cell = cell.item() if hasattr(cell, "item") and hasattr(cell, "dtype") else cell
    missing = type(cell).__name__ in ("NAType", "NaTType") or (isinstance(cell, float) and math.isnan(cell))
    return None if missing else cell
