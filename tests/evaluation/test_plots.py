"""Plots leave no state."""

import re

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot

from helpers.pages import Page
from keras_sentiment.decision import Decision
from keras_sentiment.evaluation import plots

pytestmark = pytest.mark.once


def test_pictures_leave_no_state_and_are_the_same_each_time():
    before = dict(mpl.rcParams)
    labels = np.arange(90) % 3
    p = Decision("abc").probabilities(np.random.default_rng(0).normal(size=(90, 3)) + np.eye(3)[labels])
    first, again = (plots.roc(labels, p, ["$a$", "<b>", "积极"], 'say "x" & <y>') for _ in range(2))
    assert first == again
    assert dict(mpl.rcParams) == before
    parsed = Page(first)
    assert parsed.elements[0][1]["aria-label"] == 'say "x" & <y>'
    for name in ("$a$", "<b>", "积极"):
        assert name in parsed.text("svg")
    assert "currentColor" in first
    assert pyplot.get_fignums() == []


def pictures():
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 8
    p = Decision("abcdefgh").probabilities(rng.normal(size=(400, 8)) + 2 * np.eye(8)[labels])
    history = [
        {"epoch": n, "loss": 1 / n, "val_loss": 1 / n, "accuracy": 0.5, "val_accuracy": 0.6} for n in (1, 2)
    ]
    rows = [{"accuracy": 0.5, "accuracy_ci95": [0.4, 0.6]}] * 2
    curves = [("after", p), ("before", p)]
    return {
        "roc": (plots.roc(labels, p, "abcdefgh", "alt"), "false positive rate", "true positive rate"),
        "reliability": (
            plots.reliability(labels, curves, "alt"),
            "confidence",
            "accuracy",
        ),
        "loss": (plots.learning(history, "loss", "train", "alt"), "epoch", "log loss"),
        "accuracy": (plots.learning(history, "accuracy", "train", "alt"), "epoch", "accuracy"),
        "lengths": (plots.lengths(rows, ["1-64", "65-128"], "alt"), "length in tokens", "accuracy"),
    }


def test_each_axis_has_a_name():
    for picture, x, y in pictures().values():
        words = re.findall(r">([^<]+)</text>", picture)
        assert words.count(x) == words.count(y) == 1


def test_curves_can_be_told_apart():
    """By colour and dashes."""
    lines = re.findall(r'<path d="[^"]*" clip-path="[^"]*" style="([^"]*)"', pictures()["roc"][0])
    assert len(lines) == len(set(lines)) == 9


def test_a_legend_hides_no_curve():
    """It ends above the axes, in whose coordinates y grows downward."""
    for name in ("roc", "reliability", "loss", "accuracy"):
        picture = pictures()[name][0]
        frame = re.search(r'<clipPath id="[^"]*">\s*<rect x="[^"]*" y="([^"]*)"', picture)
        legend = picture[picture.rindex('<g id="legend') :]
        heights = [float(y) for y in re.findall(r"[ML] [-\d.]+ ([-\d.]+)", legend)]
        assert heights
        assert max(heights) <= float(frame[1])
