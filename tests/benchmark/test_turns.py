"""Contenders take turns, each in its own process."""

import multiprocessing
import os
import time
from pathlib import Path

import pytest

from keras_sentiment.benchmark.turns import Contender, take_turns

pytestmark = pytest.mark.once


def write(pace, file, name, steps, seconds):
    """A contender that writes a line a step."""
    pace.ready(steps)
    for _ in range(steps):
        print(name)
        time.sleep(seconds)
        with Path(file).open("a") as lines:
            lines.write(f"{name} {os.environ['FLAVOUR']}\n")
        pace.step(3)


def fail(pace):
    pace.ready(2)
    pace.step(1)
    raise SystemExit("as it should")


def test_contenders_take_turns(tmp_path, capfd):
    file = str(tmp_path / "lines")
    contenders = [
        Contender("a", write, (file, "a", 5, 0.0), {"FLAVOUR": "x"}),
        Contender("b", write, (file, "b", 10, 0.02), {"FLAVOUR": "y"}),
        Contender("c", write, (file, "c", 2, 0.0), {"FLAVOUR": "z"}),
    ]
    said = []
    timings = take_turns(contenders, 5, said.append)
    # Fifths of five, ten and two steps.
    rounds = ["abb", "abbc", "abb", "abbc", "abb"]
    flavours = dict(zip("abc", "xyz", strict=True))
    expected = [f"{name} {flavours[name]}" for turn in rounds for name in turn]
    assert Path(file).read_text().splitlines() == expected
    assert {name: timing.units for name, timing in timings.items()} == {"a": 15, "b": 30, "c": 6}
    assert timings["b"].seconds >= 10 * 0.02
    assert all(timing.memory_bytes > 1e6 and timing.start_seconds > 0 for timing in timings.values())
    assert said[-1] == "round 5 of 5"
    assert capfd.readouterr().out == ""  # standard output is for results
    assert not multiprocessing.active_children()


def test_contender_that_fails_is_named(capfd):
    with pytest.raises(RuntimeError, match="clumsy failed"):
        take_turns([Contender("clumsy", fail, (), {})], 2, lambda _: None)
    assert "as it should" in capfd.readouterr().err
    assert not multiprocessing.active_children()
