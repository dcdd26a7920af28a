"""The settings for reading a source and splitting it; standard library only, so that `--help` is fast."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import Literal

from keras_sentiment.config import DEFAULT_SEED
from keras_sentiment.errors import InputError, require, require_choice

LEARNED_VOCABULARY = 8192  # default size, in tokens, of a vocabulary that is learned from a corpus

# The usual delimiter of each delimited format.
DELIMITERS = {"csv": ",", "tsv": "\t"}
TABLE_FORMATS = (*DELIMITERS, "txt", "jsonl", "json", "parquet", "arrow")


@dataclass(frozen=True, kw_only=True)
class TableConfig:
    """The settings for reading a table; a value of `None` is detected from the first bytes of the file.

    Args:
        text_column: name of the column with the texts.
        input_format: one of `TABLE_FORMATS`; by default the file extension decides.
        delimiter: one character that separates the fields of a CSV file.
        quoting: how a CSV file is quoted. `"minimal"`: quotes enclose fields, which may contain line ends.
            `"none"`: quotes are text. By default, quotes enclose fields, and a quoted field whose lines look
            like rows is an error.
        escape: one character before a quote or a delimiter that is text, such as the backslash in exports of
            MySQL; by default the backslash, if the first rows can't be read without it.
        encoding: a name that Python's `codecs` knows; by default that of the byte order mark, else UTF-8.
        header: whether the first row of a CSV file names the columns; without one, they are called 1, 2, 3.
        columns: names of the columns of a CSV file without a header.

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
                require(valid, name, value, "one character that is not a quote or a line end")
        if self.encoding is not None:
            text_encoding(self.encoding)
        if self.columns is not None:
            different = len(set(self.columns)) == len(self.columns) and all(self.columns)
            require(different, "columns", self.columns, "different names that are not empty")


@dataclass(frozen=True, kw_only=True)
class PrepareConfig(TableConfig):
    """The settings for reading a source and splitting it into train, validation and test.

    Args:
        label_column: name of the column with the labels.
        group_column: name of a column, such as the author or the product; rows with the same value go into
            the same split. None for no groups.
        seed: int >= 0, seed of the random splits.
        held_out: float in (0, 0.4], share of the reviews in validation, and in test if the source has no test
            part.
        unknown_warning: float in [0, 1]; a larger share of unknown tokens gives a warning.
        pieces_warning: float >= 1; more tokens a word give a warning. English reviews have 1.3; a language
            that the vocabulary spells letter by letter has about 5.
        fold_case: whether labels that differ only in case or Unicode form are merged.
        copies_warning: float in [0, 1]; a larger share of train reviews dropped as copies gives a warning.

    The other arguments are those of `TableConfig`: text_column, input_format, delimiter, quoting, escape,
    encoding, header, columns.

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
    """Return Python's name of an encoding that can be read by lines: one based on ASCII, or UTF-16 or UTF-32.

    Raises:
        InputError: Python does not know the encoding, or lines can't be found in it.
    """
    try:
        found = codecs.lookup(name).name
        plain = '\n,;\t"'.encode(found)
    except (LookupError, ValueError, TypeError):
        raise InputError(
            f"encoding must be a name that Python knows, such as cp1252. Received: {name}"
        ) from None
    if found == "utf-8-sig":
        return "utf-8"
    if found in ("utf-16", "utf-32"):  # little-endian unless a byte order mark says otherwise
        return f"{found}-le"
    if plain != b'\n,;\t"' and not found.startswith(("utf-16-", "utf-32-")):
        raise InputError(f"encoding {name} can't be read line by line; save the file as UTF-8")
    return found
