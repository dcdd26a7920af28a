"""Runs contenders in turns, each in its own process and a part of its work at a time.

So each contender has its own backend and memory, and other programs on the machine slow all of them equally.
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

_SECONDS_TO_EXIT = 30


class Timer:
    """Times the work of a contender, and makes it wait between its turns.

    A contender calls `begin`, then `plan` with its number of steps, then `step` after each step. The time
    from `begin` to the last step counts, except inside `untimed`. The facts include the seconds from `begin`
    to `plan`.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._facts: dict[str, Any] = {}
        self._steps: int | None = None
        self._done = 0

    def report(self, **facts: Any) -> None:
        """Adds facts about how the contender computes."""
        self._facts |= facts

    def begin(self, synchronize: Callable[[], None] = lambda: None) -> None:
        """Waits for the first turn.

        Args:
            synchronize: a function that waits until the device has finished its work.
        """
        self._synchronize = synchronize
        self._connection.send(None)
        self._begin_turn()

    def plan(self, steps: int) -> None:
        """Sets the number of steps that follow."""
        self._steps = steps
        self._synchronize()
        self.report(seconds_before_steps=time.perf_counter() - self._begin)
        self._take_turns()

    def step(self, units: int) -> None:
        """Counts a step and its units, such as reviews, and waits for the next turn if this turn ends."""
        self._done += 1
        self._units += units
        self._take_turns()

    @contextlib.contextmanager
    def untimed(self) -> Iterator[None]:
        """Returns a context whose time does not count, for compilation and the first allocations."""
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
            self._begin_turn()

    def _begin_turn(self) -> None:
        self._share = self._connection.recv()
        self._units, self._untimed, self._begin = 0, 0.0, time.perf_counter()


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


@dataclass(frozen=True)
class Contender:
    """A function that is timed in its own process.

    Args:
        name: the name in tables and messages.
        work: a function of a `Timer` and `arguments`.
        arguments: the other arguments of `work`.
        environment: environment variables of the process.
        cores: int, the number of cores that the process may use, on systems that can limit it, or `None`.
    """

    name: str
    work: Callable[..., None]
    arguments: tuple[Any, ...]
    environment: Mapping[str, str]
    cores: int | None = None


@dataclass
class Timing:
    """The timing of a contender.

    Args:
        units: the amount of work, in reviews.
        seconds: the time of its turns.
        start_seconds: the time of imports and warming up, which `seconds` leaves out.
        memory_bytes: the peak memory of its process, without GPU memory.
        facts: how it computed, as it reported.
    """

    units: int = 0
    seconds: float = 0.0
    start_seconds: float = 0.0
    memory_bytes: int = 0
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Units per second."""
        return self.units / self.seconds


def take_turns(
    contenders: list[Contender],
    rounds: int,
    say: Callable[[str], None],
    check: Callable[[str, dict[str, Any]], None] = lambda name, facts: None,
) -> dict[str, Timing]:
    """Runs contenders in turns and returns their timings by name.

    Args:
        contenders: each with a different name.
        rounds: the number of turns of each contender.
        say: a function that shows a line of progress.
        check: a function of the name and the facts of a contender, called after its first turn.

    Raises:
        RuntimeError: a contender failed. Its traceback is on standard error.
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
            with _variables(contender.environment):  # the process inherits them
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
            process.join(_SECONDS_TO_EXIT)  # it removes its temporary files
    finally:
        for _, process, connection in running:
            process.kill()
            process.join()
            connection.close()
    return timings


@contextlib.contextmanager
def _variables(environment: Mapping[str, str]) -> Iterator[None]:
    """Sets environment variables of this process and restores them at the end."""
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
        raise RuntimeError(f"{name} failed; its error is above") from None


def _work(connection: Connection, contender: Contender) -> None:
    if contender.cores is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: contender.cores])
    sys.stdout = sys.stderr  # some libraries print, and standard output is for results
    contender.work(Timer(connection), *contender.arguments)
