"""Taking turns, and the figures made of it."""

import multiprocessing
import os
import time
from pathlib import Path

import numpy as np
import pytest

from keras_sentiment import speed
from keras_sentiment.pace import Contender, Timing, take_turns

pytestmark = pytest.mark.once


def write(pace, file, name, steps, seconds):
    """A contender that writes a line a step."""
    pace.ready(steps)
    for _ in range(steps):
        time.sleep(seconds)
        with Path(file).open("a") as lines:
            lines.write(f"{name} {os.environ['FLAVOUR']}\n")
        pace.step(3)


def fail(pace):
    pace.ready(2)
    pace.step(1)
    raise SystemExit("as it should")


def test_contenders_take_turns(tmp_path):
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
    assert not multiprocessing.active_children()


def test_contender_that_fails_is_named(capfd):
    with pytest.raises(RuntimeError, match="clumsy failed"):
        take_turns([Contender("clumsy", fail, (), {})], 2, lambda _: None)
    assert "as it should" in capfd.readouterr().err
    assert not multiprocessing.active_children()


def test_useful_operations_of_a_block():
    """Counted product by product for two reviews of one block that trains, padding left out."""

    def products(length, width, inner):
        projections = 4 * length * width * width + 2 * length * width * inner
        return 2 * (projections + 2 * length * length * width)

    expected = 2 * 3 * (products(10, 128, 256) + products(30, 128, 256)) / 2
    found = speed._useful_operations(np.array([10, 30]), "train-transformer")
    assert found == pytest.approx(expected)
    forward = speed._useful_operations(np.array([10, 30]), "score")
    # Two of MiniLM's six blocks are frozen: they are only run forward.
    assert speed._useful_operations(np.array([10, 30]), "train-bert") == pytest.approx(
        forward * (2 + 4 * 3) / 6
    )


def test_ratios_are_to_peers():
    timings = {"loop": Timing(10, 5.0), "keras_sentiment, torch": Timing(100, 10.0)}
    row = speed._row("keras_sentiment, torch", timings["keras_sentiment, torch"], timings, 0.02)
    assert row["times_as_fast_as"] == {"loop": 5.0}
    assert row["reviews_per_second"] == 10
    assert row["share_of_peak"] == pytest.approx(0.2)
