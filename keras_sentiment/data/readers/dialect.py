"""How a table is read: what its user says of it, and what its first bytes show."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from keras_sentiment.data.config import DELIMITERS, TableConfig, text_encoding
from keras_sentiment.data.readers.lines import Lines, marked_encoding, require_no_wide
from keras_sentiment.data.reviews import MAX_REVIEW_BYTES
from keras_sentiment.errors import InputError

# What may stand between two fields, the most frequent first.
_DELIMITERS = (",", "\t", ";", "|")
_SAMPLE_RECORDS = 100
_QUOTED = "quote the review and double the quotes inside it"
_NONE = "if quotes are text in this file, give --quoting none"
_NAMES = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "vertical bars", " ": "spaces"}
_FORMATS = {"txt": "a text a line", "jsonl": "an object a line", "json": "a list of objects"}
MAX_SHOWN_NAMES = 20

# The columns that are wanted, with the option that names each.
Columns = dict[str, str]
# A record of a separated table: the number of its first line, and its fields or what is wrong.
Record = tuple[int, list[str] | InputError]


class SwallowedRows(InputError):
    """Quotes made one record of several lines, which may be rows: leaving it out would lose them."""


@dataclass(frozen=True)
class Dialect:
    """How a table of text is read.

    Args:
        format: `csv` for every separated table, `txt`, `jsonl` or `json`.
        encoding: as `codecs` knows it.
        mark: bytes of the byte order mark at the start.
        delimiter: between two fields.
        quoting: `"minimal"` or `"none"`, as `TableConfig` has it.
        escape: before a quote that is text, or None.
        skips_spaces: whether spaces after a delimiter are no part of the field.
        has_header: whether the first row names the columns.
        names: of the columns of a separated table.
    """

    format: str
    encoding: str = "utf-8"
    mark: int = 0
    delimiter: str = ","
    quoting: Literal["minimal", "none"] = "minimal"
    escape: str | None = None
    skips_spaces: bool = False
    has_header: bool = False
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.format != "csv":
            return f"{_FORMATS[self.format]}, {self.encoding.upper()}"
        between = _NAMES.get(self.delimiter, repr(self.delimiter))
        escape = f"{self.escape} before quotes that are text, " if self.escape else ""
        names = ", ".join(self.names[:MAX_SHOWN_NAMES])
        return (
            f"fields between {between}, {escape}{self.encoding.upper()}, "
            f"{'columns' if self.has_header else 'no header, columns'} {names}"
        )

    def records(self, lines: Lines) -> Iterator[Record]:
        """Yield the records of a separated table, its header too, each with the number of its first line."""
        # It refuses what is above 128 KiB unless told.
        csv.field_size_limit(MAX_REVIEW_BYTES)
        name, first = lines.name, lines.line
        undecoded: list[InputError] = []
        last_text = ""

        def texts() -> Iterator[str]:
            nonlocal last_text
            # The parser sees bad lines too: it has to know where the record ends that they belong to.
            for _, line, error in lines:
                if error is not None:
                    undecoded.append(error)
                last_text = line
                yield line

        reader = csv.reader(
            texts(),
            delimiter=self.delimiter,
            quoting=csv.QUOTE_NONE if self.quoting == "none" else csv.QUOTE_MINIMAL,
            escapechar=self.escape,
            skipinitialspace=self.skips_spaces,
            strict=True,
        )
        while True:
            number, error, row = first + reader.line_num, None, []
            try:
                row = next(reader)
            except StopIteration:
                break
            except csv.Error as wrong:
                last = first + reader.line_num - 1
                lost = f" (read up to line {last})" if last > number else ""
                fix, reason = f"{_QUOTED}; {_NONE}", str(wrong).partition(" - ")[0]
                if "new-line" in reason:
                    fix = "write \\n for line ends that are \\r, or quotes around a text that holds one"
                elif self.escape is None and '\\"' in last_text:
                    fix = "if a backslash stands before quotes that are text, give --escape '\\'"
                error = (SwallowedRows if lost else InputError)(f"{name}:{number}: {reason}{lost}; {fix}")
            last = first + reader.line_num - 1
            if self.delimiter == "\t" and any("\t" in field and "\n" in field for field in row):
                between = f"quotes here and in line {last} make one field of what is between, tabs too"
                error = SwallowedRows(f"{name}:{number}: {between}; {_NONE}")
            if undecoded:
                error = undecoded[0]
                undecoded.clear()
            if error is not None:
                yield number, error
            elif row:
                yield number, row


def is_separated(table_format: str, labelled: bool) -> bool:
    """Return whether a delimiter stands between fields, as also in a .txt file with labels."""
    return table_format in DELIMITERS or (table_format == "txt" and labelled)


def is_plain(dialect: Dialect, table_format: str | None) -> bool:
    """Return whether a table is read as the format that its name says."""
    if dialect.encoding != "utf-8":
        return False
    if dialect.format != "csv":
        return dialect.format == table_format or (dialect.format, table_format) == ("jsonl", "json")
    usual = DELIMITERS.get(table_format or "", "")
    return dialect.delimiter == usual and dialect.has_header and not dialect.skips_spaces


def find_dialect(
    sample: bytes, name: str, table_format: str, config: TableConfig, columns: Columns, separated: bool
) -> Dialect:
    """Return how a table of text is read.

    Args:
        sample: its first bytes.
        name: what a message calls it.
        table_format: `csv`, `tsv`, `txt`, `jsonl` or `json`.
        config: what its user says.
        columns: that it must have.
        separated: whether a delimiter stands between the fields of a row.

    Raises:
        InputError: none of the delimiters gives the columns, or the encoding can't be UTF-8.
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
        quoting=config.quoting,
        escape=config.escape,
        has_header=config.header and config.columns is None,
    )
    choices = (config.delimiter,) if config.delimiter else (usual, *(d for d in _DELIMITERS if d != usual))
    found = [_with_delimiter(dialect, choice, sample, name) for choice in choices]
    if dialect.has_header:
        return _by_header(found, name, columns)
    return _by_fields(found, name, config, columns)


def _require_unused(config: TableConfig, name: str) -> None:
    """Refuses options of separated tables for another kind."""
    for option, value, unset in (
        ("--delimiter", config.delimiter, None),
        ("--quoting", config.quoting, "minimal"),
        ("--escape", config.escape, None),
        ("--no-header", config.header, True),
        ("--columns", config.columns, None),
    ):
        if value != unset:
            raise InputError(f"{name}: {option} is for {', '.join(DELIMITERS)}")


# A dialect, and the first records that it finds.
_Tried = tuple[Dialect, list[Record]]


def _with_delimiter(dialect: Dialect, delimiter: str, sample: bytes, name: str) -> _Tried:
    dialect = replace(dialect, delimiter=delimiter)
    records = _first_records(dialect, sample, name)
    if dialect.quoting == "none":
        return dialect, records
    if quotes := _quotes_behind_spaces(records):
        other = replace(dialect, skips_spaces=True)
        # A text may begin so itself; then it is the same as before.
        if _quotes_behind_spaces(found := _first_records(other, sample, name)) < quotes:
            dialect, records = other, found
    if dialect.escape is None and '\\"'.encode(dialect.encoding) in sample and not _all_alike(records):
        other = replace(dialect, escape="\\")
        if _all_alike(found := _first_records(other, sample, name)):
            dialect, records = other, found
    return dialect, records


def _quotes_behind_spaces(records: list[Record]) -> int:
    """Return how many fields begin with spaces and a quote."""
    fields = (field for _, record in records if not isinstance(record, InputError) for field in record)
    return sum(field.startswith(" ") and field.lstrip().startswith('"') for field in fields)


def _all_alike(records: list[Record]) -> bool:
    """Return whether all records can be read, and have as many fields as the first."""
    counts = {None if isinstance(record, InputError) else len(record) for _, record in records}
    return len(counts) == 1 and None not in counts


def _first_records(dialect: Dialect, sample: bytes, name: str) -> list[Record]:
    lines = Lines(io.BytesIO(sample[dialect.mark :]), name, dialect.encoding)
    found: list[Record] = []
    for record in dialect.records(lines):
        # The last one may be cut off.
        if found and lines.place >= len(sample) - dialect.mark:
            break
        found.append(record)
        if len(found) == _SAMPLE_RECORDS:
            break
    return found


def _by_header(found: list[_Tried], name: str, columns: Columns) -> Dialect:
    """Return the first dialect whose header names the columns that are wanted."""
    named = []
    for dialect, records in found:
        header: list[str] | InputError = records[0][1] if records else []
        names = () if isinstance(header, InputError) else tuple(field.strip() for field in header)
        named.append(replace(dialect, names=names))
        if names and all(column in names for column in columns):
            require_different(columns, names, name)
            return named[-1]
    best = max(named, key=lambda dialect: len(dialect.names))  # of several the first
    if not best.names:
        header = found[0][1][0][1] if found[0][1] else []
        if isinstance(header, InputError):
            raise header
        raise InputError(f"{name}: holds no reviews; the first row names the columns")
    hint = ", or where the first row is a review, name all columns with --columns"
    require_columns(best.names, name, columns, hint)
    return best


def _by_fields(found: list[_Tried], name: str, config: TableConfig, columns: Columns) -> Dialect:
    """Return the first dialect in which all rows have as many fields as there are columns."""
    counted = []
    for dialect, records in found:
        counts = {len(record) for _, record in records if not isinstance(record, InputError)}
        counted.append((dialect, counts))
        wanted = {len(config.columns)} if config.columns else counts if max(counts, default=0) > 1 else None
        if len(counts) == 1 and counts == wanted:
            break
    else:  # in none of them: the rows that differ are told of one by one
        dialect, counts = counted[0]
        if not counts:
            raise InputError(f"{name}: holds no reviews")
    names = config.columns or tuple(str(number) for number in range(1, max(counts) + 1))
    require_columns(names, name, columns, f"; the first row has {max(counts)} fields")
    return replace(dialect, names=names)


def require_columns(present: Sequence[str], source: str, columns: Columns, hint: str = "") -> None:
    """Raises an InputError unless some columns are present, each once."""
    for column, option in columns.items():
        if column not in present:
            has = ", ".join(f"{name:.40}" for name in map(repr, present[:MAX_SHOWN_NAMES])) or "none"
            raise InputError(f"{source}: no column {column!r}; it has {has}; name one with {option}{hint}")
    require_different(columns, present, source)


def require_different(columns: Iterable[str], present: Sequence[str], source: str) -> None:
    """Raises an InputError if one of some columns is present twice."""
    for column in columns:
        if present.count(column) > 1:
            raise InputError(f"{source}: two columns are called {column!r}; rename one")
