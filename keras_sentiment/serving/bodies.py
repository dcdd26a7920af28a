"""The JSON of a request: its values are counted before it is parsed, and it is checked up to the first error.

Parsed JSON takes up to a hundred times the memory of the body: a million times `{},` become a million
objects. A request needs few values besides its texts. A body with more values is refused after counting its
commas and brackets, which takes milliseconds.
"""

from __future__ import annotations

import json
from typing import Any

# Most values of a request besides its texts, such as names, shapes and parameters.
OTHER_VALUES = 1000
# The body is counted in parts of so many bytes; counting stops once there are too many values.
COUNTED_BYTES = 1 << 14


class BodyError(Exception):
    """A body that is not valid. The message is one line and quotes nothing of the texts."""


class TooManyTextsError(BodyError):
    """A body with more texts, or more other values, than a request may have."""


def read_object(body: bytes, max_texts: int) -> dict[str, Any]:
    """Returns the JSON object of a body.

    Raises:
        TooManyTextsError: it has more values than so many texts and `OTHER_VALUES`.
        BodyError: it is not UTF-8, or not a JSON object.
    """
    most = max_texts + OTHER_VALUES
    if _values(body, most) > most:
        raise TooManyTextsError(
            f"the body has more than {most} values; a request has at most {max_texts} texts"
        )
    try:
        found = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise BodyError("the body is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise BodyError(f"the body is not JSON; the error is at character {error.pos + 1}") from None
    except RecursionError:
        raise BodyError("the body is nested too deeply") from None
    except ValueError:  # an integer of thousands of digits, or NaN
        raise BodyError("the body has a number that can't be read") from None
    if not isinstance(found, dict):
        raise BodyError("the body: give a JSON object")
    return found


def read_texts(body: bytes, max_texts: int) -> str | list[str]:
    """Returns the text or the list of texts in `{"text": …}`.

    Raises:
        TooManyTextsError: there are more than `max_texts`; they are not checked then.
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
    """Returns the text in `{"text": …}`.

    Raises:
        BodyError: the body is something else.
    """
    found = _only_text(read_object(body, 1))
    if not isinstance(found, str):
        raise BodyError("text: give a string")
    return strings("text", [found])[0]


def require_count(name: str, count: int, max_texts: int) -> None:
    """Raises a TooManyTextsError if a request has more texts than it may have."""
    if count > max_texts:
        raise TooManyTextsError(f"{name}: {count} texts are more than {max_texts}")


def strings(name: str, found: list[Any]) -> list[str]:
    """Returns the list after checking that its elements are texts.

    Raises:
        BodyError: an element is not a string, or has half of a surrogate pair, which UTF-8 can't encode.
    """
    for place, text in enumerate(found):
        where = f"{name}: element {place}" if len(found) > 1 else name
        if not isinstance(text, str):
            raise BodyError(f"{where} is not a string; give a string or a list of strings")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise BodyError(f"{where} has half of a surrogate pair") from None
    return found


def _values(body: bytes, most: int) -> int:
    """Returns an upper bound of the values and keys in JSON; it stops counting at `most` + 1."""
    plain = body.replace(rb"\\", b"").replace(rb"\"", b"") if b"\\" in body else body
    found = quotes = 0
    for start in range(0, len(plain), COUNTED_BYTES):
        part = plain[start : start + COUNTED_BYTES]
        pieces = part.split(b'"')  # alternately outside and inside of a string
        outside = b"".join(pieces[quotes % 2 :: 2])
        quotes += len(pieces) - 1
        found += sum(map(outside.count, (b",", b"[", b"{")))
        if found > most or quotes > 4 * most:  # a key and a value have two quotes each
            return most + 1
    return found


def _only_text(found: dict[str, Any]) -> Any:
    if list(found) != ["text"]:
        raise BodyError('the body: give {"text": …} and nothing else')
    return found["text"]


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)
