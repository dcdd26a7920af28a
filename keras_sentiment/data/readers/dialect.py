"""How a table of text is read, and the records of one that a delimiter cuts."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from keras_sentiment.data.readers.lines import MAX_LINE_BYTES, MAX_PARTS, Lines
from keras_sentiment.data.reviews import MAX_REVIEW_BYTES
from keras_sentiment.errors import InputError

_QUOTED = "quote the review and double the quotes inside it"
_NONE = "if quotes are text in this file, give --quoting none"
BETWEEN = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "vertical bars", " ": "spaces"}
_FORMATS = {"txt": "a text a line", "jsonl": "an object a line", "json": "a list of objects"}
MAX_SHOWN_NAMES = 20
MAX_WRONG_LINES = 1000  # of one record, in another encoding

# The columns that are wanted, with the option that names each.
Columns = dict[str, str]
# A record of a separated table: the number of its first line, and its fields or what is wrong.
Record = tuple[int, list[str] | InputError]


class SwallowedRows(InputError):
    """Quotes made one record of several lines, which may be rows: leaving it out would lose them."""


class Undecoded(InputError):
    """A record with bytes of another encoding; `fields` is what was read with others in their place."""

    fields: list[str]


@dataclass(frozen=True)
class Dialect:
    """How a table of text is read.

    Args:
        format: `csv` for every separated table, `txt`, `jsonl` or `json`.
        encoding: as `codecs` knows it.
        mark: bytes of the byte order mark at the start, and of Excel's line that names the delimiter.
        first_line: number of the line behind them.
        delimiter: between two fields.
        quoting: `"minimal"` or `"none"`, as `TableConfig` has it.
        checks_quotes: whether lines between quotes may be rows that a stray quote swallowed.
        escape: before a quote that is text, or None.
        skips_spaces: whether spaces after a delimiter are no part of the field.
        has_header: whether the first row names the columns.
        names: of the columns of a separated table.
    """

    format: str
    encoding: str = "utf-8"
    mark: int = 0
    first_line: int = 1
    delimiter: str = ","
    quoting: Literal["minimal", "none"] = "minimal"
    checks_quotes: bool = False
    escape: str | None = None
    skips_spaces: bool = False
    has_header: bool = False
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.format != "csv":
            return f"{_FORMATS[self.format]}, {self.encoding.upper()}"
        between = BETWEEN.get(self.delimiter, repr(self.delimiter))
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
        undecoded: InputError | None = None
        last_text, size, parts, wrong_lines = "", 0, 0, 0
        signs = self.delimiter + (self.escape or "")

        def texts() -> Iterator[str]:
            nonlocal undecoded, last_text, size, parts, wrong_lines
            # The parser sees bad lines too: it has to know where the record ends that they belong to.
            for place, line, error in lines:
                if error is not None:
                    undecoded, wrong_lines = undecoded or error, wrong_lines + 1
                last_text = line
                size, parts = size + len(line), parts + sum(map(line.count, signs))
                if wrong_lines > MAX_WRONG_LINES and error is not None:
                    raise error
                if size > MAX_LINE_BYTES or parts > MAX_PARTS:
                    raise InputError(
                        f"{name}:{place}: a row of more than {MAX_LINE_BYTES:,} characters or {MAX_PARTS:,} "
                        f"fields; {_QUOTED}"
                    )
                yield line if self.escape is None else self._kept_escapes(line)

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
            size = parts = wrong_lines = 0
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
                # Behind a line end without quotes a field may begin that ends in another line.
                unsure = lost or ("new-line" in reason and last_text.count('"') % 2)
                error = (SwallowedRows if unsure else InputError)(f"{name}:{number}: {reason}{lost}; {fix}")
            last = first + reader.line_num - 1
            if self.checks_quotes and self.delimiter == "\t" and any("\t" in f and "\n" in f for f in row):
                between = f"quotes here and in line {last} make one field of what is between, tabs too"
                error = SwallowedRows(f"{name}:{number}: {between}; {_NONE}; else --quoting minimal")
            if undecoded and not isinstance(error, SwallowedRows):
                error = Undecoded(str(undecoded))
                error.fields = row
            undecoded = None
            if error is not None:
                yield number, error
            elif row:
                yield number, row

    def _kept_escapes(self, line: str) -> str:
        """Return a line in which escapes before letters, as in MySQL's `\\n` and `\\N`, stay."""
        escape = self.escape or ""
        dropped = f'{escape}{self.delimiter}"\r\n'
        parts = re.split(f"({re.escape(escape)}(?:.|\\n|$))", line)
        return "".join(
            escape + part if number % 2 and part[1:] not in dropped else part
            for number, part in enumerate(parts)
        )


def require_columns(present: Sequence[str], source: str, columns: Columns, hint: str = "") -> None:
    """Raises an InputError unless some columns are present, each once."""
    known = set(present)
    for column, option in columns.items():
        if column not in known:
            has = ", ".join(f"{name:.40}" for name in map(repr, present[:MAX_SHOWN_NAMES])) or "none"
            raise InputError(f"{source}: no column {column!r}; it has {has}; name one with {option}{hint}")
    require_different(columns, present, source)


def require_different(columns: Iterable[str], present: Sequence[str], source: str, hint: str = "") -> None:
    """Raises an InputError if one of some columns is present twice."""
    times = Counter(present)
    for column in columns:
        if times[column] > 1:
            raise InputError(f"{source}: two columns are called {column!r}; rename one{hint}")
