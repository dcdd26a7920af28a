"""Reading of objects in memory: pairs of text and label, data frames, tables, datasets."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from keras_sentiment.data.config import PrepareConfig
from keras_sentiment.data.readers.arrow_rows import BATCH_ROWS, rows_of_batches
from keras_sentiment.data.readers.bad_rows import BadRows
from keras_sentiment.data.readers.dialect import require_columns
from keras_sentiment.data.readers.labelled_rows import review_of, wanted_columns
from keras_sentiment.data.readers.table_files import split_of
from keras_sentiment.data.readers.table_rows import Row
from keras_sentiment.data.reviews import Review
from keras_sentiment.errors import InputError


def read(source: Any, config: PrepareConfig, bad_rows: BadRows) -> Iterator[Review]:
    """Yields the reviews of an object; messages count its rows from 1.

    Args:
        source: a data frame of pandas or polars, a table of pyarrow, a dataset of Hugging Face, a dictionary
            with one of them for each split, pairs of `(text, label)`, or rows as dictionaries.
        config: the names of the columns.
        bad_rows: receives the rows that can't be used.

    Raises:
        InputError: the object has another type, or a column is missing.
    """
    if isinstance(source, Mapping):
        return _read_splits(source, config, bad_rows)
    name = name_of(source)
    if hasattr(source, "collect") and not hasattr(source, "iloc"):  # a LazyFrame of polars
        source = source.collect()
    if _is_dataset(source):
        batches = source.with_format("arrow").iter(batch_size=BATCH_ROWS)
        schema = None if source.features is None else source.features.arrow_schema
        return _read_rows(_arrow_rows(batches, schema, name, config), name, config, bad_rows)
    if _is_arrow(source):
        import pyarrow

        try:
            reader = pyarrow.RecordBatchReader.from_stream(source)
        except pyarrow.ArrowException:
            wrong = f"the object of type {type(source).__name__} is not a table"
            raise InputError(f"{wrong}; give a table with a text and a label column") from None
        return _read_rows(_arrow_rows(reader, reader.schema, name, config), name, config, bad_rows)
    if _is_frame(source):
        return _read_rows(_frame_rows(source, name, config), name, config, bad_rows)
    if isinstance(source, Iterable) and not isinstance(source, bytes):
        return _read_pairs(source, config, bad_rows)
    raise InputError(
        "source must be a path, a data frame, a table of pyarrow, a dataset or pairs of (text, label). "
        f"Received: {source!r:.100}"
    )


def name_of(source: Any) -> str:
    """Returns the name of an object in messages."""
    if isinstance(source, Mapping) or _is_dataset(source):
        return "the dataset"
    if _is_arrow(source) and not hasattr(source, "get_column"):
        return "the table"
    return "the data frame" if _is_frame(source) or _is_arrow(source) else "the pairs"


def _is_dataset(source: Any) -> bool:
    """Returns whether an object is a dataset of Hugging Face."""
    return hasattr(source, "with_format") and hasattr(source, "features")


def _is_arrow(source: Any) -> bool:
    """Returns whether an object exports an Arrow stream; pandas is excluded, because mixed columns fail."""
    return hasattr(source, "__arrow_c_stream__") and not hasattr(source, "iloc")


def _is_frame(source: Any) -> bool:
    """Returns whether an object is a data frame, such as one of pandas."""
    return hasattr(type(source), "columns") and hasattr(source, "__getitem__")


def _read_splits(source: Mapping[Any, Any], config: PrepareConfig, bad_rows: BadRows) -> Iterator[Review]:
    """Yields the reviews of a dictionary with a source for each split."""
    splits = {name: split_of(str(name)) for name in source}
    if None in splits.values() or len(set(splits.values())) < len(splits):
        raise InputError(
            f"the dataset has the splits {', '.join(map(str, source))}, and only train, validation and test "
            "are read, each once; remove the others"
        )
    for name, part in source.items():
        if isinstance(part, str):
            raise InputError(
                f"the split {name} of the dataset is the name of a file; give files with test= and "
                "validation="
            )
        for review in read(part, config, bad_rows):
            yield review._replace(split=splits[name], source=f"{name}, {review.source}")


def _arrow_rows(batches: Iterator[Any], schema: Any, name: str, config: PrepareConfig) -> Iterator[Row]:
    columns = wanted_columns(config)
    for batch in batches:  # a streamed dataset may have no schema before its first batch
        schema = batch.schema if schema is None else schema
        require_columns(schema.names, name, columns)
        break
    else:
        return
    yield from rows_of_batches(chain([batch], batches), name, list(columns), columns, schema)


def _frame_rows(frame: Any, name: str, config: PrepareConfig) -> Iterator[Row]:
    wanted = wanted_columns(config)
    require_columns(list(frame.columns), name, wanted)
    columns = [frame[column] for column in wanted]
    for number, cells in enumerate(zip(*columns, strict=True), 1):
        yield number, dict(zip(wanted, map(_plain, cells), strict=True))


def _read_rows(rows: Iterator[Row], name: str, config: PrepareConfig, bad_rows: BadRows) -> Iterator[Review]:
    for number, row in rows:
        try:
            if isinstance(row, InputError):
                raise row
            review = review_of(row, f"row {number}", config)
        except InputError as error:
            bad_rows.add(error)
        else:
            yield review


def _read_pairs(pairs: Iterable[Any], config: PrepareConfig, bad_rows: BadRows) -> Iterator[Review]:
    """Yields the reviews of `(text, label)` pairs.

    Raises:
        InputError: an item is not a pair.
    """
    if config.group_column is not None:
        raise InputError("group_column needs a table, and the source is pairs; give a table or leave it out")
    for number, pair in enumerate(pairs, 1):
        if isinstance(pair, Mapping):
            pair = tuple(pair.get(column) for column in (config.text_column, config.label_column))
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise InputError(f"pair {number} must be (text, label). Received: {pair!r:.100}")
        row = {config.text_column: _plain(pair[0]), config.label_column: _plain(pair[1])}
        try:
            review = review_of(row, f"pair {number}", config)
        except InputError as error:
            bad_rows.add(error)
        else:
            yield review


def _plain(cell: Any) -> Any:
    """Returns a NumPy value as a Python value, and a missing value of pandas as `None`."""
    if hasattr(cell, "tolist") and hasattr(cell, "dtype"):  # a scalar or an array of NumPy
        cell = cell.tolist()
    missing = type(cell).__name__ in ("NAType", "NaTType") or (isinstance(cell, float) and math.isnan(cell))
    return None if missing else cell
