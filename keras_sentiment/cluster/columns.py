"""The columns that tables have together, each of one Arrow type."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pyarrow

from keras_sentiment.errors import InputError


def columns_of(rows: Sequence[dict[str, Any]], source: str) -> pyarrow.Schema:
    """Returns the columns of JSON objects, in the order in which they come.

    Args:
        source: where the first of them stands, for a message.

    Raises:
        InputError: what a column holds has no one type.
    """
    fields = []
    for column in dict.fromkeys(itertools.chain.from_iterable(rows)):
        values = [row.get(column) for row in rows]
        try:
            fields.append((column, pyarrow.array(values).type))
        except (pyarrow.ArrowException, ValueError, OverflowError, TypeError) as error:
            raise InputError(
                f"{source}: from this line on column {column!r} has no one type ({error}); write one"
            ) from None
    return pyarrow.schema(fields)


def unified(known: pyarrow.Schema, more: pyarrow.Schema, source: str) -> pyarrow.Schema:
    """Returns the columns of both; of two types of numbers, the wider.

    Raises:
        InputError: a column has types that no type holds.
    """
    try:
        return pyarrow.unify_schemas([known, more], promote_options="permissive")
    except pyarrow.ArrowException as error:
        raise InputError(f"{source}: a column has another type than before ({error}); write one") from None


def require_equal(known: pyarrow.Schema, more: pyarrow.Schema, first: str, source: str) -> None:
    """Raises an InputError if a table has other columns than the first one, in whatever order."""
    for name in dict.fromkeys([*known.names, *more.names]):
        if name not in known.names or name not in more.names:
            lacking = first if name in more.names else source
            raise InputError(
                f"{source}: not the columns of {first}: {lacking} has no {name!r}; score it alone"
            )
        if known.field(name).type != more.field(name).type:
            raise InputError(
                f"{source}: column {name!r} is {more.field(name).type}, and in {first} it is "
                f"{known.field(name).type}; score it alone"
            )
