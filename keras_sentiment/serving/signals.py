"""What ends a server while it starts, when it has nothing to finish; standard library only."""

from __future__ import annotations

import os
import signal
from types import FrameType


def end_at_signals() -> None:
    """Lets SIGTERM end the process with 0, and Ctrl-C with 130, at once.

    An exception could be lost, or become a traceback, in whatever is being imported or opened.
    """
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)


def _end(number: int, frame: FrameType | None) -> None:
    if number == signal.SIGINT:
        os.write(2, b"Interrupted.\n")
    os._exit(0 if number == signal.SIGTERM else 130)
