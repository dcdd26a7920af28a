"""Readers of tables of reviews: CSV, TSV, JSON Lines and Parquet files, a review a row."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from keras_sentiment.config import InputError, PrepareConfig
from keras_sentiment.reviews import Review, decode

# The csv module refuses fields above 128 KiB unless told; a C long is 32 bits on Windows.
LONGEST_FIELD = 2**31 - 1


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


def _review(row: dict[str, Any], source: str, config: PrepareConfig) -> Review:
    text = row[config.text_column]
    if not isinstance(text, str):
        found = "nothing" if text is None else f"a {type(text).__name__}"
        raise InputError(f"{source}: column {config.text_column!r} holds {found}, not a text; remove the row")
    group = config.group_column
    return Review(
        text,
        _cell(row[config.label_column], config.label_column, source),
        source,
        group=None if group is None else _cell(row[group], group, source),
    )


def _columns(config: PrepareConfig) -> dict[str, str]:
    """Return the columns that are wanted, with the option that names each."""
    columns = {config.text_column: "--text-column", config.label_column: "--label-column"}
    if len(columns) < 2:
        raise InputError(
            f"--text-column and --label-column both name {config.text_column!r}; name two columns"
        )
    if config.group_column is not None:
        columns.setdefault(config.group_column, "--group-column")
    return columns


def _require_columns(present: list[str], source: str, config: PrepareConfig) -> None:
    for column, option in _columns(config).items():
        if column not in present:
            has = ", ".join(repr(name) for name in present[:20]) or "none"
            raise InputError(f"{source}: no column {column!r}; it has {has}; name one with {option}")
        if present.count(column) > 1:
            raise InputError(f"{source}: two columns are called {column!r}; rename one")


def _lines(path: Path) -> Iterator[str]:
    """Yield the lines of a file decoded one by one, so that a bad byte is told with its line."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            yield decode(line, f"{path.name}:{number}")


def _separated(path: Path, config: PrepareConfig, delimiter: str) -> Iterator[Review]:
    csv.field_size_limit(LONGEST_FIELD)
    # A line is what the file holds between two \n, so that numbers agree with an editor's even
    # where a quoted review runs over several lines.
    reader = csv.reader(_lines(path), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    while True:
        source = f"{path.name}:{reader.line_num + 1}"
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            raise InputError(f"{source}: {error}; quote the review and double the quotes inside it") from None
        if not row:
            continue
        if header is None:
            header = [name.strip() for name in row]
            _require_columns(header, path.name, config)
            continue
        if len(row) != len(header):
            raise InputError(
                f"{source}: {len(row)} fields where the header has {len(header)}; "
                "quote a review that holds the separator"
            )
        yield _review(dict(zip(header, row, strict=True)), source, config)


def _csv(path: Path, config: PrepareConfig) -> Iterator[Review]:
    return _separated(path, config, ",")


def _tsv(path: Path, config: PrepareConfig) -> Iterator[Review]:
    return _separated(path, config, "\t")


def _jsonl(path: Path, config: PrepareConfig) -> Iterator[Review]:
    for number, line in enumerate(_lines(path), 1):
        source = f"{path.name}:{number}"
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{source}: not JSON ({error}); write one object a line") from None
        if not isinstance(row, dict):
            raise InputError(f"{source}: a {type(row).__name__}, not an object; write one object a line")
        _require_columns(list(row), source, config)
        yield _review(row, source, config)


def _parquet(path: Path, config: PrepareConfig) -> Iterator[Review]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise InputError(f"{path.name}: Parquet needs pyarrow; run: pip install pyarrow") from None
    try:
        with parquet.ParquetFile(path) as file:
            _require_columns(file.schema_arrow.names, path.name, config)
            columns = list(_columns(config))
            number = 0
            for batch in file.iter_batches(batch_size=1024, columns=columns):
                for values in zip(*(batch.column(name) for name in columns), strict=True):
                    number += 1
                    source = f"{path.name}:{number}"
                    try:
                        row = {name: value.as_py() for name, value in zip(columns, values, strict=True)}
                    except UnicodeDecodeError:
                        raise InputError(f"{source}: not UTF-8; write the column as strings") from None
                    yield _review(row, source, config)
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path.name}: not a readable Parquet file ({reason})") from None


READERS: dict[str, Callable[[Path, PrepareConfig], Iterator[Review]]] = {
    ".csv": _csv,
    ".tsv": _tsv,
    ".jsonl": _jsonl,
    ".parquet": _parquet,
}
