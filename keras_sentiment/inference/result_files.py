"""Files of results, with one row for each text: JSON Lines, CSV or Parquet."""

from __future__ import annotations

import csv
import itertools
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from keras_sentiment.errors import InputError
from keras_sentiment.escaping import json_text
from keras_sentiment.inference.streaming import RESULTS, Result

if TYPE_CHECKING:
    import pyarrow

Chunks = Iterable[list[Result]]


def _as_text(value: Any) -> str:
    """Return a value as text that has no JSON type: bytes, a date, a decimal number."""
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


_to_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=_as_text).encode


class ResultColumns(NamedTuple):
    """The columns of a file of results.

    Args:
        kept: columns of the input, with their new names; None: only the rows have the names.
        types: Arrow types of the columns that have one.
        labels: of the model.
    """

    kept: Sequence[str] | None
    types: dict[str, Any]
    labels: Sequence[str]


def names_of(ending: str, labels: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the columns of results in a file with this ending."""
    probabilities = tuple(f"probability_{label}" for label in labels) if ending == ".csv" else ()
    return ("row", *RESULTS, *probabilities)


def _json_text(value: Any) -> str:
    """Return a value as JSON with hidden characters escaped; NaN and infinity become null."""
    try:
        return json_text(_to_json(value))
    except ValueError:
        return json_text(_to_json(_without_nan(value)))


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _write_json_lines(chunks: Chunks, columns: ResultColumns, file: IO[str]) -> None:
    for results in chunks:
        file.writelines([_json_text(result) + "\n" for result in results])
        file.flush()


def _kept_names(chunks: Chunks, columns: ResultColumns) -> tuple[list[str], Iterator[list[Result]]]:
    """Return the columns of the input, if unknown those of the first chunk, and all chunks."""
    if columns.kept is not None:
        return list(columns.kept), iter(chunks)
    chunks = iter(chunks)
    first = next(chunks, [])
    names = dict.fromkeys(name for result in first for name in result if name not in ("row", *RESULTS))
    return list(names), itertools.chain([first], chunks)


def _require_known(results: list[Result], known: set[str]) -> None:
    for result in results:
        if more := [name for name in result if name not in known]:
            raise InputError(
                f"row {result['row']}: it has {more[0]!r}, which the rows before it do not have; "
                "write .jsonl, or name the columns with --keep-columns"
            )


def _cell(value: Any) -> Any:
    """Return a value as a cell of CSV."""
    if isinstance(value, (bool, dict, list, tuple)):
        return _json_text(value)
    return _as_text(value) if isinstance(value, bytes) else value


def _write_csv(chunks: Chunks, columns: ResultColumns, file: IO[str]) -> None:
    kept, chunks = _kept_names(chunks, columns)
    writer = csv.writer(file, lineterminator="\n")
    named = [f"probability_{label}" for label in columns.labels]
    writer.writerow(["row", *kept, "label", "probability", "truncated", *named])
    known = {"row", *kept, *RESULTS}
    for results in chunks:
        _require_known(results, known)
        writer.writerows(
            [
                r["row"],
                *(_cell(r.get(name)) for name in kept),
                r["label"],
                r["probability"],
                _cell(r["truncated"]),
                *r["probabilities"].values(),
            ]
            for r in results
        )
        file.flush()


def columns_of(rows: Sequence[dict[str, Any]], source: str) -> pyarrow.Schema:
    """Returns the columns of JSON objects, in the order in which they first occur.

    Args:
        source: the place of the first object, for a message.

    Raises:
        InputError: a column has values of several types.
    """
    import pyarrow

    fields = []
    for column in dict.fromkeys(itertools.chain.from_iterable(rows)):
        values = [row.get(column) for row in rows]
        try:
            fields.append((column, pyarrow.array(values).type))
        except (pyarrow.ArrowException, ValueError, OverflowError, TypeError) as error:
            raise InputError(
                f"{source}: from this line on column {column!r} has several types ({error}); write one type"
            ) from None
    return pyarrow.schema(fields)


def result_fields(labels: Sequence[str]) -> list[tuple[str, Any]]:
    """Return the Arrow columns of a result."""
    import pyarrow

    return [
        ("label", pyarrow.string()),
        ("probability", pyarrow.float64()),
        ("probabilities", pyarrow.struct([(label, pyarrow.float64()) for label in labels])),
        ("truncated", pyarrow.bool_()),
    ]


def _write_parquet(chunks: Chunks, columns: ResultColumns, file: IO[bytes]) -> None:
    import pyarrow
    from pyarrow import parquet

    kept, chunks = _kept_names(chunks, columns)
    first = next(chunks, [])
    types = dict(columns.types)
    if columns.kept is None:
        rows = [{name: result.get(name) for name in kept} for result in first]
        types = {field.name: field.type for field in columns_of(rows, "the input")}
    fields = [("row", pyarrow.int64()), *((name, types.get(name, pyarrow.string())) for name in kept)]
    schema = pyarrow.schema([*fields, *result_fields(columns.labels)])
    try:
        writer = parquet.ParquetWriter(file, schema)
    except pyarrow.ArrowException as error:
        raise InputError(f"a column can't be written as Parquet ({error}); write .jsonl") from None
    with writer:
        for results in itertools.chain([first], chunks):
            _require_known(results, set(schema.names))
            try:
                if columns.kept is None:
                    _require_types(results, kept, schema)
                writer.write_table(pyarrow.Table.from_pylist(results, schema))
            except (pyarrow.ArrowException, TypeError, ValueError, OverflowError) as error:
                if isinstance(error, InputError):
                    raise
                row = results[0]["row"] if results else 0
                raise InputError(
                    f"from row {row} on a column has another type than before ({error}); write .jsonl"
                ) from None


def _require_types(results: list[Result], kept: Sequence[str], schema: pyarrow.Schema) -> None:
    """Refuses keys in objects that the rows before do not have, since Arrow would drop them."""
    import pyarrow

    found = columns_of([{name: result.get(name) for name in kept} for result in results], "the input")
    for field in found:
        merged = pyarrow.unify_schemas(
            [pyarrow.schema([schema.field(field.name)]), pyarrow.schema([field])],
            promote_options="permissive",
        )
        if pyarrow.types.is_nested(field.type) and merged.field(0).type != schema.field(field.name).type:
            raise InputError(
                f"from row {results[0]['row']} on column {field.name!r} has keys that the rows before it do "
                "not have; write .jsonl"
            )


# Functions that write results to a file. Each chunk is written as soon as it is there.
WRITERS: dict[str, Callable[[Chunks, ResultColumns, Any], None]] = {
    ".jsonl": _write_json_lines,
    ".csv": _write_csv,
    ".parquet": _write_parquet,
}
