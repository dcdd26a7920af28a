"""Prefetching in order: a few results are computed ahead, so that memory is bounded."""

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

# Starting processes takes about as long as this many chunks of texts.
MIN_ITEMS = 8


def ordered_prefetch(
    executor: Executor, function: Callable[[Item], Result], items: Iterable[Item], count: int
) -> Iterator[tuple[Item, Result]]:
    """Yields each item with its result of a function, in order; up to `count` items are computed ahead."""
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
    """Yields each item with its result of a function, in order.

    The first few items are computed in this process, the others in worker processes.

    Args:
        function: a function that can be pickled.
        items: the items.
        processes: int >= 1, number of worker processes; with 1, this process computes all items.

    Raises:
        InputError: a worker process was killed.
    """
    items = iter(items)
    for item in islice(items, MIN_ITEMS if processes > 1 else None):
        yield item, function(item)
    for first in items:
        # Fork is not safe, because threads of the tokenizer and of NumPy may have locks.
        context = multiprocessing.get_context("spawn")
        try:
            with _Processes(processes, context, _ignore_ctrl_c) as executor:
                yield from ordered_prefetch(executor, function, chain([first], items), 2 * processes)
        except BrokenProcessPool:
            raise InputError(
                "a process that cleans texts was killed, possibly because memory was short; use --processes 1"
            ) from None


class _Processes(ProcessPoolExecutor):
    """Processes that ignore Ctrl-C, even during the second in which they start."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if not hasattr(signal, "pthread_sigmask"):  # on Windows
            return super().submit(fn, *args, **kwargs)
        # New processes inherit the blocked signals. A Ctrl-C that arrives meanwhile is delivered afterwards.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            return super().submit(fn, *args, **kwargs)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _ignore_ctrl_c() -> None:
    """Ignores Ctrl-C, which the terminal sends to every process; the main process handles it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
