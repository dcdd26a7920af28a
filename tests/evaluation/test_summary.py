"""What `evaluate` prints: few lines, and a reason where there is no figure."""

import numpy as np
import pytest

from helpers.pages import measured
from helpers.tiny import make_split
from keras_sentiment.decision import Decision
from keras_sentiment.evaluation.summary import summary
from keras_sentiment.evaluation.tables import confused_pairs, figure_rows, label_rows
from keras_sentiment.metrics.rounding import rounded

pytestmark = pytest.mark.once


def metrics_of(names, labels, predicted):
    split = make_split([3] * len(labels), labels)
    noise = np.random.default_rng(0).normal(0, 0.1, (len(labels), len(names)))
    return measured(split, 3 * np.eye(len(names))[predicted] + noise, Decision(names))


def test_two_labels_fit_eighty_columns():
    labels = np.arange(60) % 2
    found = metrics_of(["negative", "positive"], labels, np.where(np.arange(60) % 7, labels, 1 - labels))
    lines = summary(found).splitlines()
    assert max(map(len, lines)) <= 80
    for found_of in found["baselines"].values():
        difference = rounded(found_of["difference"], found_of["difference_ci95"], "+")
        assert any(f"  {difference}  " in line for line in lines)
    assert sum(line.startswith(("negative  ", "positive  ")) for line in lines) == 4
    assert lines[0].startswith(f"Accuracy {rounded(found['accuracy'], found['intervals']['accuracy'])} (95%")


def test_what_is_absent_has_a_reason():
    """No text of one label, and none that is predicted as another."""
    found = metrics_of(list("abcd"), np.arange(40) % 2, np.zeros(40, int))
    text = summary(found)
    assert "nan" not in text
    for key in ("precision_b", "recall_c", "f1_d"):
        assert f"– {found['absent'][key]}" in text.splitlines()
    assert "2 labels neither occur nor are predicted here; no mean over the labels counts them." in text


def test_many_labels_are_cut_to_the_most_frequent():
    rng = np.random.default_rng(1)
    names = [f"topic {n}" for n in range(30)]
    labels = np.r_[np.arange(30), np.minimum(rng.geometric(0.15, 300) - 1, 29)]
    found = metrics_of(names, labels, np.where(rng.random(330) < 0.7, labels, (labels + 1) % 30))
    rows = label_rows(found)
    assert len(rows) == 30
    assert [row.support for row in rows] == sorted(found["support"].values(), reverse=True)
    lines = summary(found).splitlines()
    assert sum(line.startswith("topic ") for line in lines) == 20
    assert "and 10 rarer labels: metrics.json has all" in lines
    assert not any(line.startswith("label, then predicted as") for line in lines)
    pairs = confused_pairs(found, 5)
    counts = np.array(found["confusion"])
    np.fill_diagonal(counts, 0)
    assert [count for _, _, count, _ in pairs] == sorted(counts.ravel(), reverse=True)[:5]
    for true, predicted, count, share in pairs:
        assert found["confusion"][names.index(true)][names.index(predicted)] == count
        assert share == f"{count / found['support'][true]:.1%}"


def test_labels_that_are_numbers_have_an_order():
    labels = np.arange(60) % 3
    found = metrics_of(["1", "2", "3"], labels, labels)
    titles = [row.key for row in figure_rows(found)]
    assert titles[-2:] == ["mean_absolute_error", "within_one"]
    assert "Within one" in summary(found)
    assert "Within one" not in summary(metrics_of(["a", "b", "c"], labels, labels))
