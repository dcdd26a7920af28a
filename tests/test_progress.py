"""How far a task is: lines in a log, a bar on a terminal, and how long a task took."""

import io
import sys
import threading

import pytest

from keras_sentiment import progress
from keras_sentiment.progress import Progress, counted, phase

pytestmark = pytest.mark.once


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def lines(capsys):
    return capsys.readouterr().err.splitlines()


def test_a_log_gets_a_line_every_thirty_seconds(clock, capsys):
    with Progress("Encoding", 400, "reviews", clock=clock, timer=False) as shown:
        for _ in range(200):
            clock.now += 1
            shown.update()
    assert lines(capsys) == [
        "Encoding: 30 of 400 reviews (8%), about 6 min 10 s left.",
        "Encoding: 60 of 400 reviews (15%), about 5 min 40 s left.",
        "Encoding: 90 of 400 reviews (22%), about 5 min 10 s left.",
        "Encoding: 120 of 400 reviews (30%), about 4 min 40 s left.",
        "Encoding: 150 of 400 reviews (38%), about 4 min 10 s left.",
        "Encoding: 180 of 400 reviews (45%), about 3 min 40 s left.",
    ]


def test_the_time_left_is_that_of_what_was_done_here(clock, capsys):
    """Of a task that goes on, what was done before took no time here."""
    with Progress("Training", 1000, "batches", done=900, clock=clock, timer=False) as shown:
        clock.now += 31
        shown.tell_if_due()
        clock.now += 31
        shown.update(50, "loss 0.5")
    assert lines(capsys) == [
        "Training: 900 of 1,000 batches (90%), 31 s so far.",
        "Training: 950 of 1,000 batches (95%), loss 0.5, about 1 min 2 s left.",
    ]


def test_a_task_of_unknown_length_and_one_that_counts_nothing(clock, capsys):
    with Progress("Reading", unit="reviews", clock=clock, timer=False) as shown:
        clock.now += 90
        shown.update(1500)
    with Progress("Loading", unit="", clock=clock, timer=False) as shown:
        clock.now += 29
        shown.tell_if_due()
        clock.now += 1
        shown.tell_if_due()
        shown.tell_if_due()
    assert lines(capsys) == ["Reading: 1,500 reviews after 1 min 30 s.", "Loading: 30 s so far."]


def test_lines_come_though_nothing_is_counted(monkeypatch, capsys):
    """A step of training may take longer than a minute: a thread says that time passes."""
    told = threading.Event()
    monkeypatch.setattr(progress, "SECONDS", 0.01)
    monkeypatch.setattr(progress, "tell", lambda line: told.set())
    with Progress("Fitting", unit=""):
        assert told.wait(30)
    threads = [thread for thread in threading.enumerate() if thread.name == progress.THREAD]
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)


def test_quiet_shows_nothing(clock, capsys):
    with Progress("Encoding", 2, "reviews", quiet=True, clock=clock, timer=False) as shown:
        clock.now += 99
        shown.update()
    with phase("Fitting", "Fitted", quiet=True, clock=clock):
        clock.now += 99
    assert list(counted("ab", "Reading", "texts", quiet=True)) == ["a", "b"]
    assert lines(capsys) == []


def test_a_phase_says_how_long_it_took(clock, capsys):
    with phase("Fitting n-grams", "Fitted n-grams", clock=clock):
        clock.now += 4.2
    assert lines(capsys) == ["Fitted n-grams in 4 s."]
    with pytest.raises(ValueError, match="no"), phase("Fitting", "Fitted", clock=clock):
        raise ValueError("no")
    assert lines(capsys) == []


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_a_bar_that_goes(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Progress("Encoding", 4, "reviews") as shown:
        shown.update(3, "loss 0.5")
        shown.rename("Encoding more")
    written = terminal.getvalue()
    assert "Encoding: " in written
    assert "Encoding more:  75%" in written
    assert "3/4" in written
    assert "\n" not in written.rstrip("\n")
    assert written.rstrip(" ").endswith("\r")
    terminal.truncate(0)
    with phase("Fitting n-grams", "Fitted n-grams"):
        pass
    written = terminal.getvalue()
    assert "Fitting n-grams … 00:00" in written
    assert written.endswith("Fitted n-grams in under 1 s.\n")


def test_a_phase_may_say_nothing_at_its_end(clock, capsys):
    with phase("Loading", None, clock=clock):
        clock.now += 20
    assert lines(capsys) == []
