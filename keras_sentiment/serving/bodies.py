"""The JSON of a request: counted before it is read, and checked up to the first error.

Reading costs up to a hundred times what the body takes: a million of `{},` become a million objects. A
request within its number of texts needs few values besides them, so the rest is refused by its commas and
brackets, which takes milliseconds.
"""

from __future__ import annotations

import json
from typing import Any

# Values of a request beside its texts: names, shapes, parameters.
OTHER_VALUES = 1000
# Of a body at a time: counting stops after the part in which it's too many.
COUNTED_BYTES = 1 << 14


class BodyError(Exception):
    """A body that is not what is asked for, told in a line that repeats nothing of the texts."""


class TooManyTextsError(BodyError):
    """More texts than a request may have, or more values than so many texts need."""


def read_object(body: bytes, max_texts: int) -> dict[str, Any]:
    """Returns the JSON object of a body.

    Raises:
        TooManyTextsError: it holds far more values than so many texts need.
        BodyError: it is not UTF-8, or no JSON object.
    """
    most = max_texts + OTHER_VALUES
    if _values(body, most) > most:
        raise TooManyTextsError(
            f"the body holds more than {most} values; a request has at most {max_texts} texts"
        )
    try:
        found = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise BodyError("the body is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise BodyError(f"the body is not JSON; it breaks at character {error.pos + 1}") from None
    except RecursionError:
        raise BodyError("the body is nested too deeply") from None
    except ValueError:  # an integer of thousands of digits, or NaN
        raise BodyError("the body holds a number that can't be read") from None
    if not isinstance(found, dict):
        raise BodyError("the body: give a JSON object")
    return found


def read_texts(body: bytes, max_texts: int) -> str | list[str]:
    """Returns the text or the texts that `{"text": …}` holds.

    Raises:
        TooManyTextsError: they are more than `max_texts`; none of them is looked at then.
        BodyError: the body is something else.
    """
    found = _only_text(read_object(body, max_texts))
    if isinstance(found, list):
        require_count("text", len(found), max_texts)
        return strings("text", found)
    if not isinstance(found, str):
        raise BodyError("text: give a string or a list of strings")
    return strings("text", [found])[0]


def read_text(body: bytes) -> str:
    """Returns the text that `{"text": …}` holds.

    Raises:
        BodyError: the body is something else.
    """
    found = _only_text(read_object(body, 1))
    if not isinstance(found, str):
        raise BodyError("text: give a string")
    return strings("text", [found])[0]


def require_count(name: str, count: int, max_texts: int) -> None:
    """Raises a TooManyTextsError where a request has more texts than it may."""
    if count > max_texts:
        raise TooManyTextsError(f"{name}: {count} texts are more than {max_texts}")


def strings(name: str, found: list[Any]) -> list[str]:
    """Returns a list whose elements are texts.

    Raises:
        BodyError: one is not, or holds a lone surrogate, which JSON can write and no answer could repeat.
    """
    for place, text in enumerate(found):
        where = f"{name}: element {place}" if len(found) > 1 else name
        if not isinstance(text, str):
            raise BodyError(f"{where} is no string; give a string or a list of strings")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise BodyError(f"{where} holds a surrogate without its other half") from None
    return found


def _values(body: bytes, most: int) -> int:
    """Returns how many values and keys JSON holds at most; beyond `most` it stops counting."""
    plain = body.replace(rb"\\", b"").replace(rb"\"", b"") if b"\\" in body else body
    found = quotes = 0
    for start in range(0, len(plain), COUNTED_BYTES):
        part = plain[start : start + COUNTED_BYTES]
        pieces = part.split(b'"')  # in turns outside and inside of a string
        outside = b"".join(pieces[quotes % 2 :: 2])
        quotes += len(pieces) - 1
        found += sum(map(outside.count, (b",", b"[", b"{")))
        if found > most or quotes > 4 * most:  # a key and a value have two each
            return most + 1
    return found


def _only_text(found: dict[str, Any]) -> Any:
    if list(found) != ["text"]:
        raise BodyError('the body: give {"text": …} and nothing else')
    return found["text"]


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)
