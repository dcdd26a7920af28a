"""Plots leave no state."""

from html.parser import HTMLParser

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot

from keras_sentiment.decision import Decision
from keras_sentiment.evaluation import plots as pictures

pytestmark = pytest.mark.once
VOID = {"meta", "img", "br", "link", "hr", "input"}


class Page(HTMLParser):
    """What a browser would make of a page: elements, text by element, and what it would fetch."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.texts, self.fetched = [], [], {}, []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.elements.append((tag, values))
        self.fetched += [v for k, v in values.items() if k in ("src", "href", "xlink:href", "srcset", "data")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.fetched += [v for k, v in attributes if k in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        for tag in set(self.open):
            self.texts.setdefault(tag, []).append(data)

    def count(self, tag):
        return sum(name == tag for name, _ in self.elements)

    def text(self, tag="body"):
        return " ".join("".join(self.texts.get(tag, [])).split())


def test_pictures_leave_no_state_and_are_the_same_each_time():
    before = dict(mpl.rcParams)
    labels = np.arange(90) % 3
    p = Decision("abc").probabilities(np.random.default_rng(0).normal(size=(90, 3)) + np.eye(3)[labels])
    first, again = (pictures.roc(labels, p, ["$a$", "<b>", "积极"], 'say "x" & <y>') for _ in range(2))
    assert first == again
    assert dict(mpl.rcParams) == before
    parsed = Page(first)
    assert parsed.elements[0][1]["aria-label"] == 'say "x" & <y>'
    for name in ("$a$", "<b>", "积极"):
        assert name in parsed.text("svg")
    assert "currentColor" in first
    assert pyplot.get_fignums() == []
