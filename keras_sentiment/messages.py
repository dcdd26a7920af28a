"""What the library and its commands print: one way out for messages, one for results.

Whatever a message or a result quotes stands escaped in it, so that no terminal obeys what a stranger wrote.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from typing import Any, Literal, TextIO

from keras_sentiment.escaping import printable

# Of what libraries print of themselves these stay as they are; a bar of progress begins its line anew.
_LAYOUT = "\n\r\t"


# A command's own standard error, while descriptor 2 leads elsewhere.
_descriptor: int | None = None
_stream: Any = None


def redirect(descriptor: int | None) -> None:
    """Sends messages, and bars of progress, to another descriptor than 2; `None` ends it.

    A standard error that is not on descriptor 2, as in a test, gets them still.
    """
    global _descriptor, _stream
    if descriptor is None:
        _descriptor = _stream = None
        return
    stream = sys.stderr
    try:
        redirected = stream.fileno() == 2
    except (OSError, ValueError, AttributeError):
        redirected = False
    if redirected:
        stream = open_descriptor(descriptor, stream.encoding)
    _descriptor, _stream = descriptor, _Escaping(stream)


def message_stream() -> Any:
    """Returns where messages go: standard error, unless a command keeps that for itself; or `None`."""
    return sys.stderr if _stream is None else _stream


def message_descriptor() -> int | None:
    """Returns the standard error for a process whose messages are ours; `None` for that of this process."""
    return _descriptor


def tell(message: str) -> None:
    """Prints one line on standard error, above a bar of progress if there is one."""
    from tqdm import tqdm

    stream = message_stream()
    if stream is not None:
        with contextlib.suppress(OSError, ValueError):  # nobody reads it
            tqdm.write(printable(message), file=stream)


def show(result: str) -> None:
    """Prints a result of one or more lines on standard output.

    Raises:
        OSError: it can't be written.
    """
    if sys.stdout is None:
        return
    text = "".join(f"{printable(line)}\n" for line in result.split("\n"))
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
    sys.stdout.flush()


class LogLines(logging.Formatter):
    """Formats a record as one line, whatever it quotes; a traceback follows in lines of its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return printable(super().formatMessage(record))


@contextlib.contextmanager
def escaped_messages() -> Iterator[None]:
    """Escapes what any library prints on standard error within the block, and drops it where nobody reads."""
    before = sys.stderr
    sys.stderr = _Escaping(before)
    try:
        yield
    finally:
        sys.stderr = before


class _Escaping:
    """A stream of text that a terminal shows as it is."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        if not text.isprintable():
            text = "".join(c if c.isprintable() or c in _LAYOUT else printable(c) for c in text)
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def open_descriptor(descriptor: int, encoding: str | None = None, reading: bool = False) -> TextIO:
    """Returns a text stream on a descriptor, line by line, which stays open when the stream is gone.

    Args:
        encoding: the locale's by default; characters that it lacks are escaped.
        reading: whether the stream is read, and not written.
    """
    mode: Literal["r", "w"] = "r" if reading else "w"
    return open(descriptor, mode, 1, encoding=encoding, errors="backslashreplace", closefd=False)


def open_standard_streams() -> None:
    """Gives each standard stream that is closed a place that takes and gives nothing.

    Otherwise the next file that is opened would stand in its place, and get what is printed. Writing to the
    standard output that was closed is an error then, since results would be lost; messages may be.
    """
    for number, flags in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, flags)
            if opened != number:  # a lower one is free too
                os.dup2(opened, number)
                os.close(opened)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, open_descriptor(number, "utf-8", reading=number == 0))


def drop_standard_output() -> None:
    """Sends what is still to be written there nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with contextlib.suppress(OSError, ValueError):
        os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
