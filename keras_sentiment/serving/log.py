"""A log of limited size: repeated lines are dropped and counted, so that clients can't fill the disk."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from keras_sentiment.messages import LogLines, message_stream

SECONDS = 10.0
# Most lines from one place in the code in that time: of requests, and of warnings, which may have tracebacks.
MAX_LINES, MAX_WARNINGS = 1000, 10


class RepetitionFilter(logging.Filter):
    """Drops lines when one place in the code logs too many in ten seconds, and logs how many were dropped.

    Lines with the attribute `wanted` are never dropped.

    Args:
        clock: returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._counts: dict[tuple[str, int], tuple[float, int]] = {}  # start, and lines since then

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "wanted", False):
            return True
        place, now = (record.pathname, record.lineno), self._clock()
        most = MAX_LINES if record.levelno < logging.WARNING else MAX_WARNINGS
        since, count = self._counts.get(place, (now, 0))
        if now - since >= SECONDS:
            if count > most:
                record.msg = f"({count - most} lines like the next one were dropped) {record.msg}"
            since, count = now, 0
        self._counts[place] = since, count + 1
        return count < most


def configure_log(quiet: bool) -> None:
    """Writes the log to standard error.

    Args:
        quiet: bool, whether only warnings are written.
    """
    handler = logging.StreamHandler(message_stream())
    handler.addFilter(RepetitionFilter())
    handler.setFormatter(LogLines("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level="WARNING" if quiet else "INFO", handlers=[handler])
    logging.getLogger("uvicorn").setLevel("WARNING")
