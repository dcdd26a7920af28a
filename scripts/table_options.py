"""Options of the commands that read tables."""

from __future__ import annotations

import csv
import functools
from collections.abc import Callable
from typing import Any

import click

from keras_sentiment.data.config import TABLE_FORMATS, PrepareConfig, TableConfig
from keras_sentiment.scripts.command_line import options

DEFAULTS = PrepareConfig()


def _names(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    """Returns the names that stand between commas."""
    return None if value is None else tuple(name.strip() for name in next(csv.reader([value]), []))


def _character(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Returns a character that a shell makes hard to write."""
    return {"tab": "\t", "\\t": "\t", "space": " "}.get(value, value) if value else value


names_option = functools.partial(click.option, metavar="NAMES", callback=_names)


def config_options(config: type[TableConfig], *decorators: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Returns a decorator for a command whose argument `config` these options make.

    Args:
        config: its class; an option whose parameter it has is one of its fields.
    """

    def decorate(function: Any) -> Any:
        @functools.wraps(function)
        def command(*args: Any, no_header: bool, **values: Any) -> Any:
            fields = {name for name in config.__dataclass_fields__ if name in values}
            said = {name: values.pop(name) for name in fields}
            return function(*args, config=config(header=not no_header, **said), **values)

        return options(*decorators)(command)

    return decorate


# How a table is read, wherever a command reads one.
_text_options = options(
    click.option(
        "--text-column", default=DEFAULTS.text_column, show_default=True, help="Column of the texts."
    ),
)
_table_options = options(
    click.option(
        "--input-format", type=click.Choice(TABLE_FORMATS), help="Of a table.  [default: its name's ending]"
    ),
    click.option(
        "--delimiter",
        metavar="CHARACTER",
        callback=_character,
        help="Between two fields of a .csv or .tsv; the word tab is one.  [default: found in the first rows]",
    ),
    click.option(
        "--quoting",
        type=click.Choice(["minimal", "none"]),
        help="Of a .csv or .tsv. none: quotes are text; minimal: they stand around fields, whatever is "
        "between them.",
    ),
    click.option(
        "--escape",
        metavar="CHARACTER",
        help="Before a quote or delimiter that is text; often a backslash.  [default: found in first rows]",
    ),
    click.option("--encoding", help="Such as cp1252.  [default: UTF-8, or what a byte order mark says]"),
    click.option("--no-header", is_flag=True, help="The first row holds a text; columns are called 1, 2, 3."),
    names_option("--columns", help="Of a table without a header, the names of all, such as label,text."),
)
on_error_option = click.option(
    "--on-error",
    type=click.Choice(["fail", "skip"]),
    default="fail",
    show_default=True,
    help="What becomes of rows that can't be used.",
)
table_options = config_options(TableConfig, _text_options, _table_options)
# And where it takes labelled texts.
source_options = config_options(
    PrepareConfig,
    _text_options,
    click.option("--label-column", default=DEFAULTS.label_column, show_default=True, help="Of their labels."),
    click.option("--fold-case", is_flag=True, help="Labels that differ in case or form alone are one."),
    _table_options,
)
