"""Files that hold one JSON object, and may be untrusted; standard library only."""

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
# Bytes. The largest is a tokenizer of many languages; what Python makes of it takes ten times as much.
MAX_FILE_BYTES = 16 << 20
# Of a file that describes a folder of ours; Python makes sixty bytes of three.
MAX_CONFIG_BYTES = 4 << 20


def read_text(path: Path, most: int = MAX_FILE_BYTES, follow_links: bool = True) -> str:
    """Returns what a small text file holds, its lines ended by \\n.

    Args:
        most: int, bytes that it may have.
        follow_links: whether it may be a link to one.

    Raises:
        InputError: it can't be read, is too large or is not UTF-8.
    """
    try:
        with open_regular(path, follow_links) as file:
            content = file.read(most + 1)
    except OSError as error:
        raise InputError(f"{path} can't be read ({error.strerror}): restore it.") from None
    if len(content) > most:
        raise InputError(f"{path} is larger than {most >> 20} MB: restore it.")
    try:
        return content.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 (byte {error.start}): restore it.") from None


def parse_object(content: str | bytes, source: str | Path) -> dict[str, Any]:
    """Returns the JSON object that a text is; all of its numbers are finite.

    Raises:
        InputError: it is none, or nested too deeply; names `source`.
    """
    try:
        found = json.loads(content, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{source} is not JSON ({first_line(error)}): restore it.") from None
    if not isinstance(found, dict):
        raise InputError(f"{source} holds no JSON object: restore it.")
    return found


def read_object(path: Path, most: int = MAX_FILE_BYTES, follow_links: bool = True) -> dict[str, Any]:
    """Returns the object in a JSON file.

    Args:
        most: int, bytes that it may have.
        follow_links: whether it may be a link to one.

    Raises:
        InputError: it can't be read, is too large or is no JSON object.
    """
    return parse_object(read_text(path, most, follow_links), path)


def read_versioned(file: Path, version: int, what: str, make: str) -> dict[str, Any]:
    """Returns the object in a JSON file that we wrote, its `format_version` left out.

    Args:
        version: int, the one that this program writes, and the only one that it reads.
        what: is what a message calls the file's folder: `a prepared corpus`.
        make: what makes one.

    Raises:
        InputError: there is none, it is damaged, or of another version.
    """
    if file.is_symlink():
        open_regular(file)  # which refuses it
    try:
        values = read_object(file, MAX_CONFIG_BYTES, follow_links=False)
        found = int(values.pop("format_version"))
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{file.parent}: not {what} (no readable {file.name}); {make}") from None
    if found != version:
        fix = "update keras-sentiment" if found > version else make
        raise InputError(f"{file.parent}: written in format {found}, and this version reads {version}; {fix}")
    return values


def from_json(config: type[Config], values: Any) -> Config:
    """Returns a dataclass, from the values that a file holds.

    Raises:
        InputError: a key is unknown, or a value is of another type than the key's or is not valid.
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
    # A whole number is a float, but True is no number.
    if type(value) is bool or hint is bool:
        return type(value) is hint
    return isinstance(value, (int, float) if hint is float else typing.get_origin(hint) or hint)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")


def _finite(digits: str) -> float:
    if not math.isfinite(number := float(digits)):
        raise ValueError("a number is too large")
    return number
