"""The commands, one click command a file, and where a console script begins."""

import contextlib
import os
import signal
import sys
from types import FrameType

INTERRUPTED = "Interrupted."


def end_at_once(number: int, frame: FrameType | None) -> None:
    """Ends the process on Ctrl-C where it has begun nothing, or has nothing left to do."""
    # Nothing is imported within a signal.
    getattr(sys.modules.get("keras_sentiment.scripts.library_output"), "foresee_end", lambda: None)()
    messages = sys.modules.get("keras_sentiment.messages")
    descriptor = getattr(messages, "message_descriptor", lambda: None)()
    with contextlib.suppress(OSError):
        os.write(2 if descriptor is None else descriptor, f"{INTERRUPTED}\n".encode())
    os._exit(128 + number)


def main() -> None:
    """The console script `keras-sentiment`."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, end_at_once)
    from keras_sentiment.scripts.command_line import main

    main()
