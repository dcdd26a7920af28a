"""Files with one JSON object, which may be untrusted; standard library only."""

from __future__ import annotations

import json
import math
import typing
from pathlib import Path
from types import UnionType
from typing import Any, Literal, NoReturn, TypeVar

from keras_sentiment.errors import InputError, first_line
from keras_sentiment.storage.untrusted import open_regular

Config = TypeVar("Config")
# The largest files are tokenizers for many languages; the Python objects take ten times as much memory.
MAX_FILE_BYTES = 16 << 20
# Limit of `config.json` and the like; three bytes of JSON can become a Python object of sixty bytes.
MAX_CONFIG_BYTES = 4 << 20


def read_text(path: Path, most: int = MAX_FILE_BYTES, follow_links: bool = True) -> str:
    """Returns the content of a small text file, with \\n as line end.

    Args:
        path: the file.
        most: int, the largest size allowed, in bytes.
        follow_links: whether `path` may be a link.

    Raises:
        InputError: the file can't be read, is too large or is not UTF-8.
    """
    try:
        with open_regular(path, follow_links) as file:
            content = file.read(most + 1)
    except OSError as error:
        raise InputError(f"{path}: it can't be read ({error.strerror}); restore it") from None
    if len(content) > most:
        raise InputError(f"{path}: it is larger than {most >> 20} MiB; restore it")
    try:
        return content.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: it is not UTF-8 (byte {error.start + 1}); restore it") from None


def parse_object(content: str | bytes, source: str | Path) -> dict[str, Any]:
    """Returns the JSON object in a text.

    Args:
        content: the text.
        source: the name of the text in messages.

    Raises:
        InputError: the text is not a JSON object, is nested too deeply, or has a number that is not finite.
    """
    try:
        found = json.loads(content, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{source}: it is not JSON ({first_line(error)}); restore it") from None
    if not isinstance(found, dict):
        raise InputError(f"{source}: it is not a JSON object; restore it")
    return found


def read_object(path: Path, most: int = MAX_FILE_BYTES, follow_links: bool = True) -> dict[str, Any]:
    """Returns the object in a JSON file.

    Args:
        path: the file.
        most: int, the largest size allowed, in bytes.
        follow_links: whether `path` may be a link.

    Raises:
        InputError: the file can't be read, is too large or is not a JSON object.
    """
    return parse_object(read_text(path, most, follow_links), path)


def read_versioned(file: Path, version: int, what: str, make: str) -> dict[str, Any]:
    """Returns the object in a JSON file that this program wrote, without its `format_version`.

    Args:
        file: the file.
        version: int, the format version that this program reads and writes.
        what: what the file's folder is, for messages: `a prepared corpus`.
        make: how to make such a folder, for messages.

    Raises:
        InputError: the file is missing, is damaged, or has another version.
    """
    if file.is_symlink():
        open_regular(file)  # raises the InputError for a link
    try:
        values = read_object(file, MAX_CONFIG_BYTES, follow_links=False)
        found = int(values.pop("format_version"))
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{file.parent}: not {what} (no readable {file.name}); {make}") from None
    if found != version:
        fix = "update keras-sentiment" if found > version else make
        raise InputError(
            f"{file.parent}: its format version is {found}, and this program reads version {version}; {fix}"
        )
    return values


def from_json(config: type[Config], values: Any) -> Config:
    """Returns a dataclass made from the values of a JSON object.

    Raises:
        InputError: a key is unknown, or a value has the wrong type or is not valid.
    """
    hints = typing.get_type_hints(config)
    if not isinstance(values, dict):
        raise InputError(f"{config.__name__} must be an object. Received: {values!r:.200}")
    for name, value in values.items():
        if name not in hints:
            raise InputError(f"unknown key {name!r}; {config.__name__} has {', '.join(hints)}")
        if not _is_a(value, hints[name]):
            hint = hints[name]
            kind = hint.__name__ if isinstance(hint, type) else str(hint).replace("typing.", "")
            raise InputError(f"{name} must be of type {kind}. Received: {name}={value!r:.200}")
    return config(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


def _is_a(value: Any, hint: Any) -> bool:
    if typing.get_origin(hint) is tuple:  # a list in JSON, of any length
        of_one_kind = typing.get_args(hint)[0]
        return isinstance(value, (list, tuple)) and all(_is_a(each, of_one_kind) for each in value)
    if typing.get_origin(hint) is Literal:
        return value in typing.get_args(hint)
    if typing.get_origin(hint) in (typing.Union, UnionType):
        return any(_is_a(value, each) for each in typing.get_args(hint))
    # An int is accepted as a float; a bool is not accepted as a number.
    if type(value) is bool or hint is bool:
        return type(value) is hint
    return isinstance(value, (int, float) if hint is float else typing.get_origin(hint) or hint)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _finite(digits: str) -> float:
    if not math.isfinite(number := float(digits)):
        raise ValueError("a number is too large")
    return number
