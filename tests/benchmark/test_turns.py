"""Contenders take turns, each in its own process."""

import multiprocessing
import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from keras_sentiment.benchmark.turns import Contender, Timer, take_turns
from keras_sentiment.machine import cores

pytestmark = pytest.mark.once


def write(timer, file, name, steps, seconds):
    """A contender that prepares, warms up, and then writes a line per step."""
    timer.begin()
    time.sleep(seconds)
    with timer.untimed():
        time.sleep(0.5)
    timer.report(steps=steps)
    timer.plan(steps)
    for _ in range(steps):
        print(name)
        time.sleep(seconds)
        with Path(file).open("a") as lines:
            lines.write(f"{name} {os.environ['FLAVOUR']}\n")
        timer.step(3)


def fail(timer):
    timer.begin()
    timer.plan(2)
    timer.step(1)
    raise SystemExit("the error")


def test_contenders_take_turns(tmp_path, capfd):
    file = str(tmp_path / "lines")
    contenders = [
        Contender("a", write, (file, "a", 5, 0.0), {"FLAVOUR": "x"}),
        Contender("b", write, (file, "b", 10, 0.02), {"FLAVOUR": "y"}),
        Contender("c", write, (file, "c", 2, 0.0), {"FLAVOUR": "z"}),
    ]
    said = []
    timings = take_turns(contenders, 5, said.append)
    # Each round has a fifth of five, ten and two steps.
    rounds = ["abb", "abbc", "abb", "abbc", "abb"]
    flavours = dict(zip("abc", "xyz", strict=True))
    expected = [f"{name} {flavours[name]}" for turn in rounds for name in turn]
    assert Path(file).read_text().splitlines() == expected
    assert {name: timing.units for name, timing in timings.items()} == {"a": 15, "b": 30, "c": 6}
    # Preparation before the steps counts, warming up does not.
    assert timings["b"].seconds >= 11 * 0.02
    assert timings["b"].facts["seconds_before_steps"] >= 0.02
    assert all(timing.start_seconds >= 0.5 for timing in timings.values())
    assert {name: timing.facts["steps"] for name, timing in timings.items()} == {"a": 5, "b": 10, "c": 2}
    assert all(timing.memory_bytes > 1e6 and timing.start_seconds > 0 for timing in timings.values())
    assert said[-1] == "round 5 of 5"
    assert capfd.readouterr().out == ""  # standard output is for results
    assert not multiprocessing.active_children()


def clock(monkeypatch):
    """Replaces the clock by one that the test sets."""
    now = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr("keras_sentiment.benchmark.turns.time.perf_counter", lambda: now.seconds)
    return now


def test_warming_up_is_not_timed(monkeypatch):
    """Time before and after it counts, and so does the pending work of the device at the end of a turn."""
    now, sent = clock(monkeypatch), []
    shares = iter([0.5, 1])
    timer = Timer(SimpleNamespace(recv=lambda: next(shares), send=sent.append))
    pending = [0.0]

    def synchronize():
        now.seconds += pending[0]
        pending[0] = 0.0

    timer.begin(synchronize)
    now.seconds += 3
    with timer.untimed():
        now.seconds += 100
        pending[0] = 50
    now.seconds += 4
    timer.plan(2)
    pending[0] = 20
    timer.step(8)
    now.seconds += 1
    timer.step(8)
    (first, second) = sent[1:]
    assert (first[0], first[1], first[2]) == (8, 3 + 4 + 20, 150)
    assert (second[0], second[1], second[2]) == (8, 1, 0)
    assert first[-1]["seconds_before_steps"] == 7


def look(timer):
    """A contender that reports its number of cores and a variable that libraries read at import."""
    timer.report(cores=cores(), threads=os.environ["OMP_NUM_THREADS"])
    timer.begin()
    timer.plan(1)
    timer.step(1)


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="the system cannot limit the cores of a process"
)
def test_the_cores_of_a_contender_are_limited(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    found = []
    contender = Contender("it", look, (), {"OMP_NUM_THREADS": "1"}, cores=1)
    take_turns([contender], 1, lambda _: None, lambda name, facts: found.append((name, facts)))
    ((name, facts),) = found
    assert name == "it"
    assert (facts["cores"], facts["threads"]) == (1, "1")
    assert os.environ["OMP_NUM_THREADS"] == "7"


def test_a_contender_that_fails_is_named(capfd):
    with pytest.raises(RuntimeError, match="broken failed; its error is above"):
        take_turns([Contender("broken", fail, (), {})], 2, lambda _: None)
    assert "the error" in capfd.readouterr().err
    assert not multiprocessing.active_children()
