"""A process that empties the pipe in which libraries write, and prints its end where a command dies.

`python library_output_reader.py DESCRIPTOR` reads the pipe DESCRIPTOR until standard input ends, as it does
with the process of the command; a dot there says that the end was foreseen. Standard library only, and
nothing of this package: it starts in a few milliseconds.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import sys

KEPT = 1 << 16  # bytes
# Notes and warnings, as glog, absl and TensorFlow begin their lines.
_HARMLESS = re.compile(
    r"WARNING: All log messages before absl|[IW]\d{4,} |\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IW] "
)


def worth_reading(output: bytes) -> str:
    """Returns the lines that may say why a process died, as a terminal shows them and does not obey."""
    lines = output.decode("utf-8", "backslashreplace").splitlines()
    if len(output) >= KEPT:
        lines = lines[1:]  # its beginning is lost
    lines = [line for line in lines if line.strip() and not _HARMLESS.match(line)]
    return "".join(
        "".join(c if c.isprintable() or c == "\t" else ascii(c)[1:-1] for c in line) + "\n" for line in lines
    )


def read(pipe: int, control: int) -> bytes:
    """Returns the last bytes of a pipe when the control has ended, or nothing if it said a dot before."""
    kept = b""
    os.set_blocking(pipe, False)
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        selector.register(control, selectors.EVENT_READ)
        ended, closed = False, False
        while not ended:
            ready = {key.fd for key, _ in selector.select()}
            ended = control in ready
            if ended and os.read(control, 1):
                return b""
            with contextlib.suppress(BlockingIOError):
                while not closed and (pipe in ready or ended):  # empty it
                    found = os.read(pipe, KEPT)
                    kept = (kept + found)[-KEPT:]
                    closed = not found
                    if closed:
                        selector.unregister(pipe)
    return kept


def main() -> None:
    text = worth_reading(read(int(sys.argv[1]), 0))
    if text:
        with contextlib.suppress(OSError):
            os.write(2, text.encode("utf-8", "backslashreplace"))


if __name__ == "__main__":
    main()
