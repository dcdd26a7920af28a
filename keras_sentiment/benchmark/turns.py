"""Contenders that take turns: each runs in a process of its own, a slice of its work at a time.

So each has its own backend and its own peak of memory, and a machine that others slow down is slow for all.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

_SECONDS_TO_LEAVE = 30


class Pace:
    """A contender's end: it calls `begin`, `plan` when it knows its steps, then `step` after each of them.

    What lies between `begin` and the last step is timed, but for what runs under `untimed`. The facts get the
    seconds from `begin` to `plan`.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._facts: dict[str, Any] = {}
        self._steps: int | None = None
        self._done = 0

    def tell(self, **facts: Any) -> None:
        """Says what was found of how the contender computes."""
        self._facts |= facts

    def begin(self, synchronize: Callable[[], None] = lambda: None) -> None:
        """Waits for the first turn.

        Args:
            synchronize: waits until a device has done what it was given.
        """
        self._synchronize = synchronize
        self._connection.send(None)
        self._begin_slice()

    def plan(self, steps: int) -> None:
        """Says that `steps` steps follow."""
        self._steps = steps
        self._synchronize()
        self.tell(seconds_before_steps=time.perf_counter() - self._begin)
        self._take_turns()

    def step(self, units: int) -> None:
        """Counts a step and the units (reviews) that it did; waits where its slice ends."""
        self._done += 1
        self._units += units
        self._take_turns()

    @contextlib.contextmanager
    def untimed(self) -> Iterator[None]:
        """Leaves out of the time what is warming up: compilations, first allocations."""
        self._synchronize()
        begin = time.perf_counter()
        yield
        self._synchronize()
        seconds = time.perf_counter() - begin
        self._begin += seconds
        self._untimed += seconds

    def _take_turns(self) -> None:
        assert self._steps is not None
        while self._done == round(self._share * self._steps):
            self._synchronize()
            seconds = time.perf_counter() - self._begin
            self._connection.send((self._units, seconds, self._untimed, _peak_bytes(), self._facts))
            if self._share >= 1:
                return
            self._begin_slice()

    def _begin_slice(self) -> None:
        self._share = self._connection.recv()
        self._units, self._untimed, self._begin = 0, 0.0, time.perf_counter()


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


@dataclass(frozen=True)
class Contender:
    """A function of (pace, arguments) that does its work in a process with its own environment.

    Args:
        environment: variables of the process.
        cores: how many it may use, where the system can hold it to some; all by default.
    """

    name: str
    work: Callable[..., None]
    arguments: tuple[Any, ...]
    environment: Mapping[str, str]
    cores: int | None = None


@dataclass
class Timing:
    """What a contender did.

    Args:
        units: how much, in reviews.
        seconds: of its slices, neither start nor waiting nor warming up.
        start_seconds: from its process to its first slice, and warming up: imports, compilations.
        memory_bytes: the most that its process held, that of a GPU left out.
        facts: what it told of how it computes.
    """

    units: int = 0
    seconds: float = 0.0
    start_seconds: float = 0.0
    memory_bytes: int = 0
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Units a second."""
        return self.units / self.seconds


def take_turns(
    contenders: list[Contender],
    rounds: int,
    say: Callable[[str], None],
    check: Callable[[str, dict[str, Any]], None] = lambda name, facts: None,
) -> dict[str, Timing]:
    """Runs contenders in turns and returns their timings by name.

    Args:
        rounds: how many slices the work of each is cut into.
        say: told of each start and each round.
        check: is given the name and the facts of each after its first slice.

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
            with _variables(contender.environment):  # as libraries read them when they are imported
                process.start()
            theirs.close()
            running.append((contender.name, process, ours))
            _receive(contender.name, ours)
            timings[contender.name].start_seconds = time.perf_counter() - begin
        for turn in range(1, rounds + 1):
            for name, _, connection in running:
                connection.send(turn / rounds)
                units, seconds, untimed, memory, facts = _receive(name, connection)
                if turn == 1:
                    check(name, facts)
                timing = timings[name]
                timing.units += units
                timing.seconds += seconds
                timing.start_seconds += untimed
                timing.memory_bytes, timing.facts = memory, facts
            say(f"round {turn} of {rounds}")
        for _, process, _ in running:
            process.join(_SECONDS_TO_LEAVE)  # it removes its temporary files
    finally:
        for _, process, connection in running:
            process.kill()
            process.join()
            connection.close()
    return timings


@contextlib.contextmanager
def _variables(environment: Mapping[str, str]) -> Iterator[None]:
    """Sets variables of this process, which those that it starts have from it."""
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _receive(name: str, connection: Connection) -> Any:
    try:
        return connection.recv()
    except (EOFError, ConnectionResetError):
        raise RuntimeError(f"{name} failed; what it said is above") from None


def _work(connection: Connection, contender: Contender) -> None:
    if contender.cores is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: contender.cores])
    sys.stdout = sys.stderr  # results alone go to standard output, and peers print there
    contender.work(Pace(connection), *contender.arguments)
