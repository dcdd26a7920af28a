"""The dialect of a text table, and the records of a delimited table."""

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

_QUOTED = "put quotes around the review and double the quotes inside it"
_NONE = "if quotes are ordinary text in this file, use --quoting none"
BETWEEN = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "vertical bars", " ": "spaces"}
_FORMATS = {"txt": "one text a line", "jsonl": "one JSON object a line", "json": "a JSON list of objects"}
MAX_SHOWN_NAMES = 20
MAX_WRONG_LINES = 1000  # lines of one record that can't be decoded

# The columns that are read, each with the command-line option that names it.
Columns = dict[str, str]
# A record of a delimited table: the number of its first line, and its fields or the error.
Record = tuple[int, list[str] | InputError]


class SwallowedRows(InputError):
    """A quoted field has lines that may be rows; to leave out the record would lose them."""


class Undecoded(InputError):
    """A record with bytes of another encoding; in `fields`, replacement characters are in their place."""

    fields: list[str]


@dataclass(frozen=True)
class Dialect:
    """The way in which a text table is read.

    Args:
        format: `csv` for every delimited table, `txt`, `jsonl` or `json`.
        encoding: a name that `codecs` knows.
        mark: bytes before the first row: the byte order mark, and the line `sep=;` of Excel.
        first_line: number of the line of the first row.
        delimiter: character between two fields.
        quoting: `"minimal"` or `"none"`, as in `TableConfig`.
        checks_quotes: whether a quoted field is checked for lines that look like rows.
        escape: character before a quote that is text, or None.
        skips_spaces: whether spaces after a delimiter are ignored.
        has_header: whether the first row names the columns.
        names: names of the columns of a delimited table.
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
        escape = f"escape character {self.escape}, " if self.escape else ""
        names = ", ".join(self.names[:MAX_SHOWN_NAMES])
        return (
            f"fields separated by {between}, {escape}{self.encoding.upper()}, "
            f"{'columns' if self.has_header else 'no header, columns'} {names}"
        )

    def records(self, lines: Lines) -> Iterator[Record]:
        """Yield the records of a delimited table, header included, each with the number of its first line."""
        # The default limit of `csv` is 128 KiB.
        csv.field_size_limit(MAX_REVIEW_BYTES)
        name, first = lines.name, lines.line
        undecoded: InputError | None = None
        last_text, size, parts, wrong_lines = "", 0, 0, 0
        signs = self.delimiter + (self.escape or "")

        def texts() -> Iterator[str]:
            nonlocal undecoded, last_text, size, parts, wrong_lines
            # The parser needs the lines that can't be decoded too, to find the end of their record.
            for place, line, error in lines:
                if error is not None:
                    undecoded, wrong_lines = undecoded or error, wrong_lines + 1
                last_text = line
                size, parts = size + len(line), parts + sum(map(line.count, signs))
                if wrong_lines > MAX_WRONG_LINES and error is not None:
                    raise error
                if size > MAX_LINE_BYTES or parts > MAX_PARTS:
                    raise InputError(
                        f"{name}:{place}: the row has more than {MAX_LINE_BYTES:,} characters or "
                        f"{MAX_PARTS:,} fields; {_QUOTED}"
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
                lost = f", read up to line {last}" if last > number else ""
                fix, reason = f"{_QUOTED}; {_NONE}", str(wrong).partition(" - ")[0]
                if "field limit" in reason:
                    reason = f"a field has more than {MAX_REVIEW_BYTES:,} characters"
                elif "new-line" in reason:
                    fix = "use \\n instead of \\r as line end, or put quotes around a text that has one"
                elif self.escape is None and '\\"' in last_text:
                    fix = "if the file has a backslash before each quote that is text, use --escape '\\'"
                # After a line end without quotes, a field may begin that ends in another line.
                unsure = lost or ("new-line" in reason and last_text.count('"') % 2)
                wrong_row = f"{name}:{number}: the row is not valid CSV ({reason}{lost}); {fix}"
                error = (SwallowedRows if unsure else InputError)(wrong_row)
            last = first + reader.line_num - 1
            if self.checks_quotes and self.delimiter == "\t" and any("\t" in f and "\n" in f for f in row):
                between = f"the text from a quote here to a quote in line {last} is one field with tabs in it"
                error = SwallowedRows(f"{name}:{number}: {between}; {_NONE}, otherwise --quoting minimal")
            if undecoded and not isinstance(error, SwallowedRows):
                error = Undecoded(str(undecoded))
                error.fields = row
            undecoded = None
            if error is not None:
                yield number, error
            elif row:
                yield number, row

    def _kept_escapes(self, line: str) -> str:
        """Return a line in which escapes before letters, such as MySQL's `\\n` and `\\N`, are kept."""
        escape = self.escape or ""
        dropped = f'{escape}{self.delimiter}"\r\n'
        parts = re.split(f"({re.escape(escape)}(?:.|\\n|$))", line)
        return "".join(
            escape + part if number % 2 and part[1:] not in dropped else part
            for number, part in enumerate(parts)
        )


def require_columns(present: Sequence[str], source: str, columns: Columns, hint: str = "") -> None:
    """Raises an InputError unless each wanted column occurs exactly once.

    Args:
        present: names of the columns that the table has.
        source: the name of the table in messages.
        columns: the wanted columns.
        hint: end of the message.
    """
    known = set(present)
    for column, option in columns.items():
        if column not in known:
            has = only(present[:MAX_SHOWN_NAMES])
            raise InputError(f"{source}: there is no column {column!r}{has}; name one with {option}{hint}")
    require_different(columns, present, source)


def only(names: Sequence[str]) -> str:
    """Return the end of a message about a missing column: the columns that are there."""
    return f", only {', '.join(f'{name!r:.40}' for name in names)}" if names else ""


def require_different(columns: Iterable[str], present: Sequence[str], source: str, hint: str = "") -> None:
    """Raises an InputError if a wanted column occurs more than once."""
    times = Counter(present)
    for column in columns:
        if times[column] > 1:
            raise InputError(f"{source}: it has two columns {column!r}; rename one{hint}")
