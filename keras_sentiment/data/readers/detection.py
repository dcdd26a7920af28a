"""Detection of a text table's dialect, from the user's settings and the first bytes of the file."""

from __future__ import annotations

import io
import re
from dataclasses import replace

from keras_sentiment.data.config import DELIMITERS, TableConfig, text_encoding
from keras_sentiment.data.readers.dialect import (
    BETWEEN,
    Columns,
    Dialect,
    Record,
    require_columns,
    require_different,
)
from keras_sentiment.data.readers.lines import Lines, marked_encoding, require_no_wide
from keras_sentiment.errors import InputError

# Possible delimiters, the most frequent first.
_DELIMITERS = (",", "\t", ";", "|")
_SAMPLE_RECORDS = 100
# The line `sep=;` of Excel, which is before the header.
_EXCEL = re.compile(r'"?sep=(.)"?\r?\n', re.IGNORECASE)


def is_separated(table_format: str, labelled: bool) -> bool:
    """Return whether a table is delimited; a .txt file with labels is."""
    return table_format in DELIMITERS or (table_format == "txt" and labelled)


def is_plain(dialect: Dialect, table_format: str | None) -> bool:
    """Return whether a table is read in the usual way for its file extension."""
    if dialect.encoding != "utf-8":
        return False
    if dialect.format != "csv":
        return dialect.format == table_format or (dialect.format, table_format) == ("jsonl", "json")
    usual = DELIMITERS.get(table_format or "", "")
    unusual = dialect.skips_spaces or dialect.escape or dialect.first_line > 1
    return dialect.delimiter == usual and dialect.has_header and not unusual


def find_dialect(
    sample: bytes, name: str, table_format: str, config: TableConfig, columns: Columns, separated: bool
) -> Dialect:
    """Return the dialect of a text table.

    Args:
        sample: first bytes of the file.
        name: the name of the table in messages.
        table_format: `csv`, `tsv`, `txt`, `jsonl` or `json`.
        config: the settings of the user.
        columns: columns that the table must have.
        separated: whether the table is delimited.

    Raises:
        InputError: the columns are not found with any delimiter, or the file is UTF-16 without a byte order
            mark.
    """
    encoding, mark = marked_encoding(sample)
    if encoding is None:
        encoding = "utf-8" if config.encoding is None else text_encoding(config.encoding)
    if encoding == "utf-8":
        require_no_wide(sample[:4096], name)
    dialect = Dialect(table_format, encoding, mark)
    if not separated:
        _require_unused(config, name)
        if table_format in ("json", "jsonl"):
            start = sample[mark:].decode(encoding, "replace").lstrip()
            return replace(dialect, format="json" if start.startswith("[") else "jsonl")
        return dialect
    usual = DELIMITERS.get(table_format, "\t")
    dialect = replace(
        dialect,
        format="csv",
        quoting=config.quoting or "minimal",
        checks_quotes=config.quoting is None,
        escape=config.escape,
        has_header=config.header and config.columns is None,
    )
    choices = (config.delimiter,) if config.delimiter else (usual, *(d for d in _DELIMITERS if d != usual))
    if excel := _EXCEL.match(sample[mark : mark + 40].decode(encoding, "replace")):
        mark += len(excel[0].encode(encoding))
        dialect = replace(dialect, mark=mark, first_line=2)
        choices = (config.delimiter or excel[1],)
    found = [_with_delimiter(dialect, choice, sample, name) for choice in choices]
    if dialect.has_header:
        return _by_header(found, name, columns)
    return _by_fields(found, name, config, columns)


def _require_unused(config: TableConfig, name: str) -> None:
    """Raises an InputError for an option that only delimited tables have."""
    for option, value, unset in (
        ("--delimiter", config.delimiter, None),
        ("--quoting", config.quoting, None),
        ("--escape", config.escape, None),
        ("--no-header", config.header, True),
        ("--columns", config.columns, None),
    ):
        if value != unset:
            raise InputError(f"{name}: {option} is only for {' and '.join(DELIMITERS)}; leave it out")


# A dialect, and the first records that are read with it.
_Tried = tuple[Dialect, list[Record]]


def _with_delimiter(dialect: Dialect, delimiter: str, sample: bytes, name: str) -> _Tried:
    dialect = replace(dialect, delimiter=delimiter)
    records = _first_records(dialect, sample, name)
    if dialect.quoting == "none":
        return dialect, records
    if quotes := _quotes_behind_spaces(records):
        other = replace(dialect, skips_spaces=True)
        # A text may itself begin with a space and a quote; then the number does not change.
        if _quotes_behind_spaces(found := _first_records(other, sample, name)) < quotes:
            dialect, records = other, found
    if dialect.escape is None and '\\"'.encode(dialect.encoding) in sample and _ends_too_early(records):
        other = replace(dialect, escape="\\")
        if _all_alike(found := _first_records(other, sample, name)):
            dialect, records = other, found
    return dialect, records


def _quotes_behind_spaces(records: list[Record]) -> int:
    """Return the number of fields that begin with spaces and a quote."""
    fields = (field for _, record in records if not isinstance(record, InputError) for field in record)
    return sum(field.startswith(" ") and field.lstrip().startswith('"') for field in fields)


def _ends_too_early(records: list[Record]) -> bool:
    """Return whether there are errors, and all are about text after the closing quote of a field."""
    errors = [str(record) for _, record in records if isinstance(record, InputError)]
    return bool(errors) and all("expected after" in error for error in errors)


def _all_alike(records: list[Record]) -> bool:
    """Return whether all records can be read and have the same number of fields."""
    counts = {None if isinstance(record, InputError) else len(record) for _, record in records}
    return len(counts) == 1 and None not in counts


def _first_records(dialect: Dialect, sample: bytes, name: str) -> list[Record]:
    lines = Lines(io.BytesIO(sample[dialect.mark :]), name, dialect.encoding, dialect.first_line)
    found: list[Record] = []
    for record in dialect.records(lines):
        # The last record of the sample may be incomplete.
        if found and lines.place >= len(sample) - dialect.mark:
            break
        found.append(record)
        if len(found) == _SAMPLE_RECORDS:
            break
    return found


def _by_header(found: list[_Tried], name: str, columns: Columns) -> Dialect:
    """Return the first dialect whose header has the wanted columns."""
    named = []
    for dialect, records in found:
        header: list[str] | InputError = records[0][1] if records else []
        names = () if isinstance(header, InputError) else tuple(field.strip() for field in header)
        named.append(replace(dialect, names=names))
        if names and all(column in names for column in columns):
            require_different(columns, names, name)
            return named[-1]
    best = max(named, key=lambda dialect: len(dialect.names))
    if not best.names:
        header = found[0][1][0][1] if found[0][1] else []
        if isinstance(header, InputError):
            raise header
        raise InputError(f"{name}: it has no reviews; write a header and reviews")
    hint = ", or if the first row is a review, name all columns with --columns"
    require_columns(best.names, name, columns, hint)
    return best


def _by_fields(found: list[_Tried], name: str, config: TableConfig, columns: Columns) -> Dialect:
    """Return the dialect of a table without a header: all rows have the expected number of fields.

    Raises:
        InputError: a .csv file fits several delimiters, or its columns do not fit.
    """
    counted = [
        (dialect, {len(record) for _, record in records if not isinstance(record, InputError)})
        for dialect, records in found
    ]
    fitting = [
        (dialect, counts)
        for dialect, counts in counted
        if len(counts) == 1 and _fits(max(counts), config, columns)
    ]
    if len(fitting) > 1 and found[0][0].delimiter == ",":
        between = " or ".join(BETWEEN[dialect.delimiter] for dialect, _ in fitting)
        raise InputError(f"{name}: its fields may be separated by {between}; choose with --delimiter")
    # If no delimiter fits, each row with a wrong number of fields is reported later.
    dialect, counts = fitting[0] if fitting else counted[0]
    if not counts:
        raise InputError(f"{name}: it has no reviews; add some")
    if config.columns and len(counts) == 1 and len(config.columns) not in counts:
        raise InputError(
            f"{name}: its rows have {max(counts)} fields, and --columns names {len(config.columns)}; name "
            "all columns"
        )
    first = next(records[0][1] for tried, records in found if tried == dialect)
    if not isinstance(first, InputError) and set(columns) <= {field.strip() for field in first}:
        raise InputError(f"{name}: its first row is a header; leave out --columns and --no-header")
    names = config.columns or _numbers(max(counts))
    require_columns(names, name, columns, f"; the first row has {max(counts)} fields")
    return replace(dialect, names=names)


def _fits(fields: int, config: TableConfig, columns: Columns) -> bool:
    """Return whether this number of fields fits the columns."""
    if config.columns:
        return fields == len(config.columns) > 1
    return fields > 1 and all(column in _numbers(fields) for column in columns)


def _numbers(fields: int) -> tuple[str, ...]:
    """Return the names of the columns of a table without a header: 1, 2, 3."""
    return tuple(str(number) for number in range(1, fields + 1))
