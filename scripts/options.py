"""How options are declared: in sections, with their defaults shown, and an example at the end of the help."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import click
from click.types import OptionHelpExtra

Decorator = Callable[[Any], Any]


class Option(click.Option):
    """An option whose `show_default` may be the words for a default that is found later."""

    section = "Options"

    def get_help_extra(self, ctx: click.Context) -> OptionHelpExtra:
        extra = super().get_help_extra(ctx)
        if isinstance(self.show_default, str):
            extra["default"] = self.show_default  # click puts it into brackets of its own
        return extra


class Command(click.Command):
    """A command whose help lists its options in sections, and ends with examples.

    Args:
        examples: command lines, without `keras-sentiment`.
    """

    def __init__(self, *args: Any, examples: tuple[str, ...], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.examples = examples

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None:
                sections.setdefault(getattr(param, "section", Option.section), []).append(record)
        general = sections.pop(Option.section)
        for title, records in {**sections, Option.section: general}.items():
            with formatter.section(title):
                formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        name = "Example" if len(self.examples) == 1 else "Examples"
        with formatter.section(name):
            for example in self.examples:
                # Not wrapped: what is copied from two lines would be two commands.
                formatter.write(f"{'':{formatter.current_indent}}keras-sentiment {example}\n")


command = partial(click.command, cls=Command)
option = partial(click.option, cls=Option)


def options(*decorators: Decorator) -> Decorator:
    """Returns one decorator for several, in reading order."""

    def decorate(function: Any) -> Any:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def section(title: str, *decorators: Decorator) -> Decorator:
    """Returns one decorator for several options, which the help lists under a title."""

    def decorate(function: Any) -> Any:
        before = len(getattr(function, "__click_params__", ()))
        function = options(*decorators)(function)
        for param in function.__click_params__[before:]:
            param.section = title
        return function

    return decorate
