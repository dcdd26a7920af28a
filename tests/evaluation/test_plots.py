"""Plots leave no state."""

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
