"""Opening of tables, for all parts of the program that read one."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, TypeVar, cast

from keras_sentiment.data.config import DELIMITERS, TABLE_FORMATS, TableConfig
from keras_sentiment.data.readers.arrow_rows import ArrowTable
from keras_sentiment.data.readers.compression import SPREADSHEETS, format_of, open_file, open_unpacked
from keras_sentiment.data.readers.detection import find_dialect, is_plain, is_separated
from keras_sentiment.data.readers.dialect import Columns, Dialect, require_columns, require_different
from keras_sentiment.data.readers.lines import MAX_JSON_BYTES, MAX_LINE_BYTES, Lines
from keras_sentiment.data.readers.table_rows import Row, read_json_list, read_rows, skip_header
from keras_sentiment.data.reviews import MAX_REVIEW_BYTES
from keras_sentiment.errors import InputError

ConfigT = TypeVar("ConfigT", bound=TableConfig)
STANDARD_INPUT, STANDARD_NAME = "-", "standard input"
# First bytes of a file that are needed to detect how it is read: for a delimited table, JSON, and lines of
# text.
SAMPLE_BYTES, JSON_BYTES, MARK_BYTES = 256 << 10, 16, 4
ALL: Sequence[str] = ("*",)  # a value of `keep`: all columns


class Table:
    """An open table, whose rows can be read once.

    Attributes:
        name: the name of the table in messages.
        names: names of its columns; empty if each row has its own columns, or none.
        dialect: how a text table is read; None for Parquet and Arrow.
        schema: the Arrow schema, or None.
        compression: compression of the file, or None.
    """

    def __init__(
        self,
        name: str,
        columns: Columns,
        source: ArrowTable | tuple[IO[bytes], Dialect],
        compression: str | None = None,
    ) -> None:
        self.name, self._columns, self._source = name, columns, source
        self.compression = compression
        self.dialect = None if isinstance(source, ArrowTable) else source[1]
        self.schema = source.schema if isinstance(source, ArrowTable) else None
        self.names = source.names if isinstance(source, ArrowTable) else list(source[1].names)

    @property
    def has_lines_alone(self) -> bool:
        """Whether a row is a line of text, without columns."""
        return self.dialect is not None and self.dialect.format == "txt"

    @property
    def remark(self) -> str | None:
        """A remark about how the table is read, or None if it is read in the usual way for its name."""
        dialect = self.dialect
        if dialect is None or (self.compression is None and is_plain(dialect, format_of(self.name))):
            return None
        packed = f"{self.compression}, " if self.compression else ""
        return f"{self.name}: read as {packed}{dialect}"

    def rows(self, keep: Sequence[str] = ()) -> Iterator[Row]:
        """Yield the rows, each with the number of its line, or of the row in Parquet, Arrow and a JSON list.

        Args:
            keep: further columns of a row, or `ALL`.

        Raises:
            InputError: a column is missing; while iterating, the table as a whole can't be read.
        """
        kept = self.names if keep == ALL else list(keep)
        if self.names:
            hint = "" if keep != ALL else ", or name those that stay with --keep-columns"
            require_different(kept, self.names, self.name, hint)
            require_columns(self.names, self.name, dict.fromkeys(kept, "--keep-columns"))
        if isinstance(self._source, ArrowTable):
            return self._source.rows(self._columns, kept)
        file, dialect = self._source
        if dialect.format == "json":
            file.read(dialect.mark)
            return read_json_list(file, self.name, dialect, self._columns)
        return read_rows(self.lines(), dialect, self._columns)

    def lines(self) -> Lines:
        """Return the lines of a text table, without its header."""
        file, dialect = cast(tuple[IO[bytes], Dialect], self._source)
        file.read(dialect.mark)
        most = MAX_JSON_BYTES if dialect.format == "jsonl" else MAX_LINE_BYTES
        lines = Lines(file, self.name, dialect.encoding, dialect.first_line, dialect.mark, most)
        skip_header(lines, dialect)
        return lines


@contextlib.contextmanager
def open_table(
    source: Path | IO[bytes], name: str, config: TableConfig, columns: Columns, labelled: bool = False
) -> Iterator[Table]:
    """Open a table that may be compressed, and detect its dialect.

    Args:
        source: a path, or a file, which is read once from its start.
        name: the name of the table in messages.
        config: the settings of the user.
        columns: columns that the table must have.
        labelled: whether the table has labels, so that even a .txt file is delimited.

    Raises:
        InputError: the table can't be read; while iterating, it is damaged.
    """
    table_format = config.input_format or format_of(name)
    with contextlib.ExitStack() as files:
        if table_format in ("parquet", "arrow"):
            file = open_file(source, name, files)
            if not file.seekable():
                raise InputError(
                    f"{name}: {table_format.capitalize()} can't be read from a pipe; give its path"
                )
            table = ArrowTable(file, name, table_format)
            table.require_small(columns)
            yield Table(name, columns, table)
            return
        opened = files.enter_context(open_unpacked(source, name))
        table_format = known_format(opened.name, config, labelled)
        if table_format in ("parquet", "arrow"):
            kind = table_format.capitalize()
            raise InputError(f"{name}: {kind} can't be read from a compressed file; decompress it")
        separated = is_separated(table_format, labelled)
        # The sample is small, because a pipe may be slow.
        needed = SAMPLE_BYTES if separated else MARK_BYTES if table_format == "txt" else JSON_BYTES
        sample = opened.file.start(needed)
        if table_format == "txt" and config.input_format is None and sample.lstrip().startswith(b"{"):
            fix = "use --input-format jsonl, or --input-format txt for one text a line"
            raise InputError(f"{name}: it begins like JSON; {fix}")
        dialect = find_dialect(sample, name, table_format, config, columns, separated)
        yield Table(name, columns, (io.BufferedReader(opened.file), dialect), opened.compression)


def known_format(name: str, config: TableConfig, labelled: bool = True) -> str:
    """Return the format of a table, from the user's setting or from the file extension.

    Raises:
        InputError: the format is unknown.
    """
    if config.input_format:
        return config.input_format
    if found := format_of(name):
        return found
    if name == STANDARD_NAME and not labelled:
        return "txt"
    if name.lower().endswith(SPREADSHEETS):
        raise InputError(f"{name}: it is a spreadsheet; save it as CSV UTF-8")
    raise InputError(
        f"{name}: its format is unknown; name it with --input-format: {', '.join(TABLE_FORMATS)}"
    )


def require_known(name: str, config: TableConfig) -> None:
    """Raises an InputError for an unknown format; the table in a .zip is checked when it is opened."""
    if not name.lower().endswith(".zip"):
        known_format(name, config)


def require_named(source: str | Path) -> None:
    """Raises an InputError for an empty name, which `Path` reads as the current folder."""
    if source == "":
        raise InputError("the name of a source is empty; check whether a shell variable is empty")


def config_beside(source: Any, config: ConfigT) -> ConfigT:
    """Return the settings for a second source; settings of the first that do not fit its format are dropped.

    Args:
        source: the second source.
        config: the settings for the first source.
    """
    found = format_of(Path(source).name) if isinstance(source, (str, Path)) else None
    if found is None:
        return config
    if found in DELIMITERS:
        return replace(config, input_format=None)
    return replace(
        config, input_format=None, delimiter=None, quoting=None, escape=None, header=True, columns=None
    )


@contextlib.contextmanager
def open_named(
    source: str | Path,
    config: TableConfig,
    columns: Columns,
    labelled: bool = False,
    name: str | None = None,
) -> Iterator[Table]:
    """Open the table at a path, or on standard input for `-`; the arguments are those of `open_table`."""
    require_named(source)
    standard = source == STANDARD_INPUT
    if standard and sys.stdin is None:
        raise InputError(f"{STANDARD_NAME}: it is closed; name a file")
    place = sys.stdin.buffer if standard else Path(source)
    device = str(source).startswith("/dev/")
    name = name or (STANDARD_NAME if standard else str(source) if device else Path(source).name)
    with open_table(place, name, config, columns, labelled) as table:
        yield table


def require_text(row: dict[str, Any], column: str, source: str) -> str:
    """Return the text of a row.

    Args:
        row: the cells by column.
        column: name of the text column.
        source: file and row, for messages.

    Raises:
        InputError: the cell is not a text, or it is longer than `MAX_REVIEW_BYTES`.
    """
    text = row[column]
    if not isinstance(text, str):
        found = "empty" if text is None else f"of type {type(text).__name__} and not text"
        raise InputError(f"{source}: column {column!r} is {found}; remove the row")
    # A character has at most four bytes.
    size = len(text) if 4 * len(text) <= MAX_REVIEW_BYTES or text.isascii() else _bytes_of(text)
    if size > MAX_REVIEW_BYTES:
        raise InputError(
            f"{source}: column {column!r} has {size:,} bytes, and at most {MAX_REVIEW_BYTES:,} are allowed; "
            "remove the row"
        )
    return text


def _bytes_of(text: str) -> int:
    """Return the number of bytes of a text in UTF-8, computed in pieces to save memory."""
    pieces = (text[start : start + (1 << 20)] for start in range(0, len(text), 1 << 20))
    return sum(len(piece.encode("utf-8", "surrogatepass")) for piece in pieces)


def with_texts(rows: Iterator[Row], column: str, name: str) -> Iterator[Row]:
    """Yield the rows; a row whose text can't be used is replaced by its error."""
    for number, row in rows:
        if not isinstance(row, InputError):
            try:
                require_text(row, column, f"{name}:{number}")
            except InputError as error:
                row = error
        yield number, row
