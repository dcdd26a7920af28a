"""Work done ahead of who takes its results, in order and a few at a time, so that memory stays the same."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice
from typing import Any, TypeVar

from keras_sentiment.errors import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")

# To start processes takes as long as so many chunks of texts.
MIN_ITEMS = 8


def ordered_prefetch(
    executor: Executor, function: Callable[[Item], Result], items: Iterable[Item], count: int
) -> Iterator[tuple[Item, Result]]:
    """Yields each item with what a function makes of it, in order; `count` more may be worked on."""
    waiting: deque[tuple[Item, Future[Result]]] = deque()
    for item in items:
        waiting.append((item, executor.submit(function, item)))
        if len(waiting) > count:
            yield _result(*waiting.popleft())
    while waiting:
        yield _result(*waiting.popleft())


def _result(item: Item, future: Future[Result]) -> tuple[Item, Result]:
    return item, future.result()


def parallel_map(
    function: Callable[[Item], Result], items: Iterable[Item], processes: int
) -> Iterator[tuple[Item, Result]]:
    """Yields each item with what a function makes of it, in order, computed by processes after the first few.

    Args:
        function: one that can be pickled.
        processes: int >= 1; 1 computes all here.
    """
    items = iter(items)
    for item in islice(items, MIN_ITEMS if processes > 1 else None):
        yield item, function(item)
    for first in items:
        # Not by fork: threads of the tokenizer and of numpy may hold locks.
        context = multiprocessing.get_context("spawn")
        try:
            with _Processes(processes, context, _leave_ctrl_c) as executor:
                yield from ordered_prefetch(executor, function, chain([first], items), 2 * processes)
        except BrokenProcessPool:
            raise InputError(
                "a process that cleans texts was killed, maybe for want of memory; try --processes 1"
            ) from None


class _Processes(ProcessPoolExecutor):
    """Processes that Ctrl-C doesn't reach from their first moment on: to import takes them a second."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if not hasattr(signal, "pthread_sigmask"):  # on Windows
            return super().submit(fn, *args, **kwargs)
        # They inherit what is blocked here when they start; one that came meanwhile is told afterwards.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            return super().submit(fn, *args, **kwargs)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _leave_ctrl_c() -> None:
    """Leaves Ctrl-C, which reaches every process of a terminal, to the one that tells of it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
