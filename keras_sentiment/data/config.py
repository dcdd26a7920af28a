"""How a source is read and cut into splits; standard library only, as a command's `--help` wants it."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import Literal

from keras_sentiment.config import DEFAULT_SEED
from keras_sentiment.errors import InputError, require, require_choice

LEARNED_VOCABULARY = 8192  # tokens of a vocabulary that is learned from a corpus

# The kinds of tables. Those that a delimiter cuts, with the usual one.
DELIMITERS = {"csv": ",", "tsv": "\t"}
TABLE_FORMATS = (*DELIMITERS, "txt", "jsonl", "json", "parquet", "arrow")


@dataclass(frozen=True, kw_only=True)
class TableConfig:
    """How a table is read; what is `None` is found in its first bytes.

    Args:
        text_column: column that holds the text.
        input_format: one of `TABLE_FORMATS`; by default the ending of the file's name says it.
        delimiter: one character, between two fields of a separated table.
        quoting: of a separated table: `"minimal"`, quotes stand around fields, whatever lines are between
            them, or `"none"`, they are text; by default a field whose lines look like rows is an error.
        escape: one character, before a quote or a delimiter that is text: the backslash in MySQL's exports;
            by default it is one where the first rows can be read so alone.
        encoding: of the bytes, as `codecs` knows it; by default that of a byte order mark, else UTF-8.
        header: whether the first row of a separated table names the columns; else they are 1, 2, 3.
        columns: names of the columns of a separated table without a header.

    Raises:
        InputError: a value is not valid.

    Example:
        >>> config = TableConfig(text_column="comment", delimiter=";", encoding="cp1252")
    """

    text_column: str = "text"
    input_format: str | None = None
    delimiter: str | None = None
    quoting: Literal["minimal", "none"] | None = None
    escape: str | None = None
    encoding: str | None = None
    header: bool = True
    columns: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.input_format is not None:
            require_choice(self, "input_format", *TABLE_FORMATS)
        if self.quoting is not None:
            require_choice(self, "quoting", "minimal", "none")
        for name in ("delimiter", "escape"):
            value = getattr(self, name)
            if value is not None:
                valid = (
                    len(value) == 1 and value not in '"\r\n\0' and (name == "escape" or value != self.escape)
                )
                require(valid, name, value, "one character, no quote and no line end")
        if self.encoding is not None:
            text_encoding(self.encoding)
        if self.columns is not None:
            different = len(set(self.columns)) == len(self.columns) and all(self.columns)
            require(different, "columns", self.columns, "different names")


@dataclass(frozen=True, kw_only=True)
class PrepareConfig(TableConfig):
    """How a source is read and cut into splits.

    Args:
        label_column: column of a table that holds the label.
        group_column: column of a table whose equal values must not straddle two splits, or None.
        seed: of the random splits.
        held_out: float in (0, 0.4], share of the reviews in validation, and in test where the source
            has no test part of its own.
        unknown_warning: float in [0, 1], share of tokens outside the vocabulary that is worth a warning.
        fold_case: whether labels that differ in case or in Unicode form alone are one.
        copies_warning: float in [0, 1], share of train that is dropped as copies that is worth a warning.
        pieces_warning: float >= 1, tokens a word that are worth one: English reviews have 1.3, and a
            language that the vocabulary can only spell, letter by letter, 5.

    The other arguments, on how a table is read, are those of `TableConfig`: text_column, input_format,
    delimiter, quoting, escape, encoding, header, columns.

    Raises:
        InputError: a value is not valid.

    Example:
        >>> config = PrepareConfig(text_column="review", label_column="stars", held_out=0.2)
    """

    label_column: str = "label"
    group_column: str | None = None
    seed: int = DEFAULT_SEED
    held_out: float = 0.1
    unknown_warning: float = 0.2
    pieces_warning: float = 3.0
    fold_case: bool = False
    copies_warning: float = 0.05

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 < self.held_out <= 0.4, "held_out", self.held_out, "a number in (0, 0.4]")
        require(self.seed >= 0, "seed", self.seed, "at least 0")


def text_encoding(name: str) -> str:
    """Return Python's name of an encoding with ASCII's line ends, quotes and delimiters, or of UTF-16 or 32.

    Raises:
        InputError: there is none of that name, or none of that kind.
    """
    try:
        found = codecs.lookup(name).name
        plain = '\n,;\t"'.encode(found)
    except (LookupError, ValueError, TypeError):
        raise InputError(f"encoding must be one that Python knows, as cp1252. Received: {name}") from None
    if found == "utf-8-sig":
        return "utf-8"
    if found in ("utf-16", "utf-32"):  # with the byte order of its mark, or of Intel's
        return f"{found}-le"
    if plain != b'\n,;\t"' and not found.startswith(("utf-16-", "utf-32-")):
        raise InputError(f"encoding {name} can't be read line by line; save the file as UTF-8")
    return found
