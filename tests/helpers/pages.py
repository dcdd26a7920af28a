"""Parsing of HTML pages, and evaluations for the tests of reports."""

from html.parser import HTMLParser

import numpy as np

from keras_sentiment.metrics.figures import accuracy_by_length, compare, evaluate_logits

HOSTILE = '<script>alert("x")</script> & <img src="https://example.com/a.png"> a dull film ' + "very " * 200
VOID = {"meta", "img", "br", "link", "hr", "input"}


class Page(HTMLParser):
    """A parsed page: its elements, the text of each element, and the URLs that a browser would fetch."""

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


def measured(split, logits, decision):
    correct = decision.correct(logits, split.labels)
    found = evaluate_logits(logits, split.labels, decision)
    return {
        "data": "some films",
        "split": "test",
        "date": "2025-02-03T10:20:30+00:00",
        "windows": False,
        "precision": "float32",
        "seen_in_training": 0,
        **found,
        "by_length": accuracy_by_length(split.lengths + 2, correct),
        "baselines": baselines(split, decision, correct),
    }


def baselines(split, decision, correct):
    """The two baselines of an evaluation: the first label always, and one right for every second text."""
    kept = ("accuracy", "difference", "difference_ci95")
    theirs = {"majority": np.asarray(split.labels) == 0, "tfidf": np.arange(len(split)) % 2 == 0}
    found = {name: {key: compare(correct, right)[key] for key in kept} for name, right in theirs.items()}
    found["majority"]["label"] = decision.labels[0]
    found["tfidf"] |= {"loss": 0.7, "trained_on": 1234}
    return found


def bad_logits(split):
    """Two of three labels are right; the fourth review is wrong with the highest probability."""
    rng = np.random.default_rng(0)
    right = np.where(np.arange(len(split)) % 3 == 0, -1, 1) * rng.uniform(0.5, 4, len(split))
    right[3] = -9
    return np.eye(2)[split.labels] * right[:, None]
