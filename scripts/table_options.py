"""Options of the commands that read tables: their format, and their columns."""

from __future__ import annotations

import csv
import functools
from typing import Any

import click

from keras_sentiment.data.config import TABLE_FORMATS, PrepareConfig, TableConfig
from keras_sentiment.scripts.options import Decorator, option, options, section

DEFAULTS = PrepareConfig()


def _names(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    """Returns the names of a list that commas separate."""
    return None if value is None else tuple(name.strip() for name in next(csv.reader([value]), []))


def _character(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Returns a character, which may be given by its name where it is hard to type in a shell."""
    return {"tab": "\t", "\\t": "\t", "space": " "}.get(value, value) if value else value


names_option = functools.partial(option, metavar="NAMES", callback=_names)


def config_options(config: type[TableConfig], *decorators: Decorator) -> Decorator:
    """Returns a decorator for a command whose argument `config` is made from these options.

    Args:
        config: its class; an option whose parameter it has is one of its fields.
    """

    def decorate(function: Any) -> Any:
        @functools.wraps(function)
        def command(*args: Any, no_header: bool, **values: Any) -> Any:
            fields = {name for name in config.__dataclass_fields__ if name in values}
            given = {name: values.pop(name) for name in fields}
            return function(*args, config=config(header=not no_header, **given), **values)

        return section("Reading tables", *decorators)(command)

    return decorate


# How a table is read, wherever a command reads one.
_text_options = options(
    option(
        "--text-column",
        metavar="NAME",
        default=DEFAULTS.text_column,
        show_default=True,
        help="Column that holds the texts.",
    ),
)
_table_options = options(
    option(
        "--input-format",
        type=click.Choice(TABLE_FORMATS),
        show_default="the ending of the file name",
        help="Format of the table.",
    ),
    option(
        "--delimiter",
        metavar="CHARACTER",
        callback=_character,
        show_default="found in the first rows",
        help="Character between two fields of a .csv or .tsv file; for a tab write tab.",
    ),
    option(
        "--quoting",
        type=click.Choice(["minimal", "none"]),
        show_default="minimal, and an error where a quote seems to swallow rows",
        help="Meaning of double quotes in a .csv or .tsv file. minimal: they enclose fields, which may then "
        "hold delimiters and line ends. none: they are text.",
    ),
    option(
        "--escape",
        metavar="CHARACTER",
        show_default="found in the first rows",
        help="Character before a quote or delimiter that is text, in a .csv or .tsv file; usually a "
        "backslash.",
    ),
    option(
        "--encoding",
        metavar="NAME",
        show_default="UTF-8, or that of a byte order mark",
        help="Character encoding of a .csv, .tsv, .txt, .json or .jsonl file, such as cp1252.",
    ),
    option(
        "--no-header",
        is_flag=True,
        help="Read the first row of a .csv or .tsv file as data. The columns are then named 1, 2, 3 and so "
        "on.",
    ),
    names_option(
        "--columns",
        help="Names of all columns of a .csv or .tsv file without a header, separated by commas, such as "
        "label,text.",
    ),
)
on_error_option = section(
    "Reading tables",
    option(
        "--on-error",
        type=click.Choice(["fail", "skip"]),
        default="fail",
        show_default=True,
        help="For a row that can't be used: end with an error, or leave the row out and count it.",
    ),
)
table_options = config_options(TableConfig, _text_options, _table_options)
# The same for labelled texts.
source_options = config_options(
    PrepareConfig,
    _text_options,
    option(
        "--label-column",
        metavar="NAME",
        default=DEFAULTS.label_column,
        show_default=True,
        help="Column that holds the labels.",
    ),
    option(
        "--fold-case",
        is_flag=True,
        help="Treat labels as the same if they differ only in upper and lower case or in Unicode "
        "normalization.",
    ),
    _table_options,
)
