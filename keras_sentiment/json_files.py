"""Files that hold one JSON object, and may be a stranger's; standard library only."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NoReturn

from keras_sentiment.config import InputError

# Bytes. The largest is a tokenizer of many languages; what Python makes of it takes ten times as much.
LARGEST_FILE = 16 << 20


def read_text(path: Path) -> str:
    """Returns what a small text file holds, its lines ended by \\n.

    Raises:
        InputError: it can't be read, is too large or is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise InputError(f"{path} can't be read ({error.strerror}): restore it.") from None
    if len(content) > LARGEST_FILE:
        raise InputError(f"{path} is larger than {LARGEST_FILE >> 20} MB: restore it.")
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
        raise InputError(f"{source} is not JSON ({error}): restore it.") from None
    if not isinstance(found, dict):
        raise InputError(f"{source} holds no JSON object: restore it.")
    return found


def read_object(path: Path) -> dict[str, Any]:
    """Returns the object in a JSON file.

    Raises:
        InputError: it can't be read, is too large or is no JSON object.
    """
    return parse_object(read_text(path), path)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")


def _finite(digits: str) -> float:
    if not math.isfinite(number := float(digits)):
        raise ValueError("a number is too large")
    return number
