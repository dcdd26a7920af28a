"""Contenders that take turns: each runs in a process of its own, a slice of its work at a time.

So each has its own backend and its own peak of memory, and a machine that others slow down is slow for all.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any


class Pace:
    """A contender's end: it calls `ready` when it is warm, then `step` after each of a number of steps."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._steps = self._done = 0

    def ready(self, steps: int) -> None:
        """Says that `steps` steps follow, and waits for its turn."""
        self._steps = steps
        self._connection.send(None)
        self._begin_slice()
        self._take_turns()

    def step(self, units: int) -> None:
        """Counts a step and the units (reviews) that it did; waits where its slice ends."""
        self._done += 1
        self._units += units
        self._take_turns()

    def _take_turns(self) -> None:
        while self._done == self._end:
            self._connection.send((self._units, time.perf_counter() - self._begin, _peak_bytes()))
            if self._last:
                return
            self._begin_slice()

    def _begin_slice(self) -> None:
        share = self._connection.recv()
        self._end, self._last = round(share * self._steps), share >= 1
        self._units, self._begin = 0, time.perf_counter()


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


@dataclass(frozen=True)
class Contender:
    """A function of (pace, arguments) that does its work in a process with its own environment."""

    name: str
    work: Callable[..., None]
    arguments: tuple[Any, ...]
    environment: Mapping[str, str]


@dataclass
class Timing:
    """What a contender did.

    Args:
        units: how much, in reviews.
        seconds: of its slices, neither start nor waiting.
        start_seconds: from its process to its first slice: imports, compilations, warming up.
        memory_bytes: the most that its process held.
    """

    units: int = 0
    seconds: float = 0.0
    start_seconds: float = 0.0
    memory_bytes: int = 0

    @property
    def rate(self) -> float:
        """Units a second."""
        return self.units / self.seconds


def take_turns(contenders: list[Contender], rounds: int, say: Callable[[str], None]) -> dict[str, Timing]:
    """Runs contenders in turns and returns their timings by name.

    Args:
        rounds: how many slices the work of each is cut into.
        say: told of each start and each round.

    Raises:
        RuntimeError: one of them failed; its traceback is on standard error.
    """
    context = multiprocessing.get_context("spawn")
    timings = {contender.name: Timing() for contender in contenders}
    running: list[tuple[str, Any, Connection]] = []
    try:
        for contender in contenders:
            say(f"{contender.name}: starting")
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, contender), daemon=True)
            begin = time.perf_counter()
            process.start()
            theirs.close()
            running.append((contender.name, process, ours))
            _receive(contender.name, ours)
            timings[contender.name].start_seconds = time.perf_counter() - begin
        for turn in range(1, rounds + 1):
            for name, _, connection in running:
                connection.send(turn / rounds)
                units, seconds, memory = _receive(name, connection)
                timing = timings[name]
                timing.units += units
                timing.seconds += seconds
                timing.memory_bytes = memory
            say(f"round {turn} of {rounds}")
    finally:
        for _, process, connection in running:
            process.kill()
            process.join()
            connection.close()
    return timings


def _receive(name: str, connection: Connection) -> Any:
    try:
        return connection.recv()
    except (EOFError, ConnectionResetError):
        raise RuntimeError(f"{name} failed; what it said is above") from None


def _work(connection: Connection, contender: Contender) -> None:
    os.environ.update(contender.environment)
    sys.stdout = sys.stderr  # results alone go to standard output, and peers print there
    contender.work(Pace(connection), *contender.arguments)
