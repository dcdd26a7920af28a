"""Figures are what their formulas give."""

import json

import numpy as np
import pytest
from sklearn import metrics

from helpers.random_figures import NAMES, case, ece_by_loop, softmax
from keras_sentiment.decision import Decision
from keras_sentiment.metrics.figures import (
    LENGTHS,
    accuracy_by_length,
    compare,
    evaluate_logits,
    expected_calibration_error,
)

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("classes", "temperature", "threshold"), [(2, 1.0, None), (2, 2.5, 0.8), (4, 1.0, None), (4, 0.7, None)]
)
def test_every_figure_is_what_its_formula_gives(classes, temperature, threshold):
    logits, labels = case(classes)
    found = evaluate_logits(logits, labels, Decision(NAMES[:classes], temperature, threshold))
    p = softmax(logits / temperature)
    predicted = p.argmax(axis=1) if threshold is None else (p[:, 1] >= threshold).astype(int)
    confusion = np.zeros((classes, classes), int)
    for label, guess in zip(labels, predicted, strict=True):
        confusion[label, guess] += 1
    hits = np.diag(confusion)
    f1 = 2 * hits / (confusion.sum(axis=0) + confusion.sum(axis=1))
    squares = ((p - np.eye(classes)[labels]) ** 2).sum(axis=1)
    one_vs_rest = [np.mean(p[labels == c, c][:, None] > p[labels != c, c][None, :]) for c in range(classes)]
    assert found["labels"] == list(NAMES[:classes])
    assert found["examples"] == len(labels)
    assert found["confusion"] == confusion.tolist()
    assert found["accuracy"] == pytest.approx(hits.sum() / len(labels))
    assert found["f1"] == pytest.approx(f1.mean())
    assert found["f1_per_class"] == pytest.approx(dict(zip(NAMES, f1, strict=False)))
    assert found["loss"] == pytest.approx(-np.log(p[np.arange(len(labels)), labels]).mean())
    # Over two classes Brier's score counts the probability of one of them.
    assert found["brier"] == pytest.approx(squares.mean() / (2 if classes == 2 else 1))
    assert found["roc_auc"] == pytest.approx(np.mean(one_vs_rest))
    assert found["ece"] == pytest.approx(ece_by_loop(p, labels))


@pytest.mark.parametrize("classes", [2, 4])
def test_area_under_the_curve_is_scikit_learns(classes):
    logits, labels = case(classes)
    found = evaluate_logits(logits, labels, Decision(NAMES[:classes]))["roc_auc"]
    p = softmax(logits)
    if classes == 2:
        assert found == pytest.approx(metrics.roc_auc_score(labels, p[:, 1]))
    else:
        assert found == pytest.approx(metrics.roc_auc_score(labels, p, multi_class="ovr"))


def test_calibrated_probabilities_have_a_small_error_and_bold_ones_the_known_gap():
    rng = np.random.default_rng(0)
    p = rng.uniform(0.5, 1, 20_000)
    labels = (rng.random(20_000) < p).astype(int)
    assert expected_calibration_error(np.column_stack([1 - p, p]), labels) < 0.02
    bold = np.tile([0.01, 0.99], (100, 1))
    assert expected_calibration_error(bold, np.arange(100) % 10 < 7) == pytest.approx(0.99 - 0.7)


@pytest.mark.parametrize("classes", [2, 4])
def test_one_label_only_still_gives_json(classes):
    logits, _ = case(classes)
    found = evaluate_logits(logits, np.ones(len(logits), int), Decision(NAMES[:classes]))
    assert found["roc_auc"] is None
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_a_label_that_no_review_has_is_left_out_of_the_curves():
    logits, labels = case(4)
    kept = labels != 3
    found = evaluate_logits(logits[kept], labels[kept], Decision(NAMES))
    p = softmax(logits[kept])
    expected = [metrics.roc_auc_score(labels[kept] == c, p[:, c]) for c in range(3)]
    assert found["roc_auc"] == pytest.approx(np.mean(expected))
    assert len(found["confusion"]) == 4


def test_certain_and_wrong_is_a_finite_loss():
    found = evaluate_logits(np.array([[1e4, -1e4], [-1e4, 1e4]]), np.array([1, 0]), Decision(NAMES[:2]))
    assert found["accuracy"] == 0
    assert found["ece"] == found["brier"] == 1
    json.dumps(found, allow_nan=False)


def test_accuracy_by_length_counts_each_review_once():
    lengths = np.array([3, 64, 65, 128, 129, 256, 257, 512, 513, 10_000])
    correct = np.array([1, 0, 1, 1, 0, 0, 1, 1, 1, 0], bool)
    rows = accuracy_by_length(lengths, correct)
    assert [(row["from"], row["to"]) for row in rows] == [
        (1, 64),
        (65, 128),
        (129, 256),
        (257, 512),
        (513, None),
    ]
    assert [row["reviews"] for row in rows] == [2] * 5
    assert [row["accuracy"] for row in rows] == [0.5, 1, 0, 1, 0.5]
    for row in rows:
        low, high = row["accuracy_ci95"]
        assert 0 <= low <= row["accuracy"] <= high <= 1
        assert high - low > 0.5  # of two reviews next to nothing is known
    assert [row["to"] for row in accuracy_by_length(np.array([300]), np.array([True]))] == [LENGTHS[3]]


def test_a_model_against_itself():
    right = np.random.default_rng(0).random(100) < 0.8
    found = compare(right, right)
    assert found["p_value"] == 1
    assert found["difference"] == 0
    assert found["difference_ci95"] == [0, 0]
    assert found["only_ours_right"] == found["only_theirs_right"] == 0
