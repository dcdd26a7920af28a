"""How far a task is: a bar on a terminal, a line every 30 seconds in a log, and how long a task took."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, TypeVar

from keras_sentiment.messages import message_stream, tell
from keras_sentiment.quantities import duration

SECONDS = 30.0  # at most, from one line to the next, where there is no terminal
THREAD = "keras_sentiment progress"

Item = TypeVar("Item")


class Progress:
    """The progress of a task within a `with` block, on standard error.

    Args:
        task: what is done, as `"Encoding"`.
        total: int, how many units there are; not known by default.
        unit: their name, as `"reviews"`.
        done: int, how many were done before.
        quiet: whether to show nothing.
        clock: gives the seconds.
        timer: whether a thread prints the lines that are due. Without it `update` does.

    Example:
        >>> with Progress("Encoding", total=2, unit="reviews", quiet=True) as progress:
        ...     progress.update(2)
        >>> progress.done
        2
    """

    def __init__(
        self,
        task: str,
        total: int | None = None,
        unit: str = "texts",
        done: int = 0,
        quiet: bool = False,
        clock: Callable[[], float] = time.monotonic,
        timer: bool = True,
    ) -> None:
        self.task, self.total, self.unit, self.done = task, total, unit, done
        self._quiet, self._clock, self._timer = quiet, clock, timer
        self._before, self._note = done, ""
        self._bar: Any = None
        self._end = threading.Event()
        self._lock = threading.Lock()

    def __enter__(self) -> Progress:
        self._start = self._told = self._clock()
        if self._quiet:
            return self
        stream = message_stream()
        if getattr(stream, "isatty", bool)():
            from tqdm import tqdm

            self._bar = tqdm(
                desc=self.task,
                total=self.total,
                unit=f" {self.unit}",
                initial=self.done,
                file=stream,
                leave=False,
                **_width(stream),
                smoothing=0,  # the mean of all so far, as in a log
                bar_format=None if self.unit else "{desc} … {elapsed}",
            )
        if self._timer:
            threading.Thread(target=self._beat, name=THREAD, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        if self._bar is not None:
            with self._lock:
                self._bar.close()
                self._bar = None

    def update(self, count: int = 1, note: str = "") -> None:
        """Counts units that are done.

        Args:
            note: what to show beside them, as the loss so far.
        """
        self.done += count
        self._note = note or self._note
        if self._bar is not None:
            if note:
                self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(count)
        elif not self._timer:
            self.tell_if_due()

    def rename(self, task: str) -> None:
        """Says that another part of the task is done now."""
        self.task = task
        if self._bar is not None:
            self._bar.set_description(task)

    def tell_if_due(self) -> None:
        """Prints a line where there is no bar, if the last one is 30 seconds old."""
        with self._lock:
            now = self._clock()
            if self._quiet or self._bar is not None or self._end.is_set() or now - self._told < SECONDS:
                return
            self._told = now
            tell(self.line())

    def line(self) -> str:
        """Returns how far the task is, how long it may still take, in a sentence for a log."""
        seconds = self._clock() - self._start
        if not self.unit:
            return f"{self.task}: {duration(seconds)} so far."
        note = f", {self._note}" if self._note else ""
        if self.total is None:
            return f"{self.task}: {self.done:,} {self.unit} after {duration(seconds)}{note}."
        line = f"{self.task}: {self.done:,} of {self.total:,} {self.unit}"
        share = self.done / self.total if self.total else 1.0
        line += f" ({share:.0%}){note}"
        new = self.done - self._before
        if not new:
            return f"{line}, {duration(seconds)} so far."
        return f"{line}, about {duration((self.total - self.done) * seconds / new)} left."

    def _beat(self) -> None:
        """Shows that time passes, though nothing may be counted meanwhile."""
        while True:
            wait = 1.0 if self._bar is not None else max(self._told + SECONDS - self._clock(), 0.1)
            if self._end.wait(wait):
                return
            with self._lock:
                if self._bar is not None:
                    self._bar.refresh()
            self.tell_if_due()


def _width(stream: Any) -> dict[str, Any]:
    """Returns the width of a bar: the terminal's, or 80 where it says 0, as in a container."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        if os.get_terminal_size(stream.fileno()).columns:
            return {"dynamic_ncols": True}
    return {"ncols": 80}


def counted(
    items: Iterable[Item], task: str, unit: str, total: int | None = None, quiet: bool = False
) -> Iterator[Item]:
    """Yields items, and shows how many there were."""
    with Progress(task, total, unit, quiet=quiet) as progress:
        for item in items:
            yield item
            progress.update()


@contextlib.contextmanager
def phase(
    doing: str, done: str | None, quiet: bool = False, clock: Callable[[], float] = time.monotonic
) -> Iterator[None]:
    """Says what is done in the block, whose progress is not known, and at its end how long it took.

    Args:
        doing: as `"Fitting the n-grams on 1,500 reviews"`.
        done: as `"Fitted the n-grams on 1,500 reviews"`; `None` says nothing at the end.
    """
    begin = clock()
    with Progress(doing, unit="", quiet=quiet, clock=clock):
        yield
    if done is not None and not quiet:
        tell(f"{done} in {duration(clock() - begin)}.")
