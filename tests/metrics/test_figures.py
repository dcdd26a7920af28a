"""Figures are what their formulas give."""

import json

import numpy as np
import pytest
from sklearn import metrics

from helpers.random_figures import NAMES, calibration_by_loop, case, softmax
from keras_sentiment.decision import Decision
from keras_sentiment.metrics.calibration_error import SquaredGap
from keras_sentiment.metrics.figures import (
    LENGTHS,
    accuracy_by_length,
    compare,
    evaluate_logits,
)
from keras_sentiment.metrics.intervals import Units

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
    for kind, axis in (("precision", 0), ("recall", 1)):
        shares = hits / confusion.sum(axis=axis)
        assert found[f"{kind}_per_class"] == pytest.approx(dict(zip(NAMES, shares, strict=False)))
    assert found["support"] == dict(zip(NAMES, confusion.sum(axis=1).tolist(), strict=False))
    assert found["groups"] is None
    assert found["labels_left_out"] == 0
    assert found["loss"] == pytest.approx(-np.log(p[np.arange(len(labels)), labels]).mean())
    # Over two classes Brier's score counts the probability of one of them.
    assert found["brier"] == pytest.approx(squares.mean() / (2 if classes == 2 else 1))
    assert found["roc_auc"] == pytest.approx(np.mean(one_vs_rest))
    assert found["ece"] == pytest.approx(calibration_by_loop(p.max(axis=1), p.argmax(axis=1) == labels))
    squares = [calibration_by_loop(p[:, c], labels == c) ** 2 for c in range(classes)]
    assert min(squares) > 0  # or the mean of the squares would not be that of what the loop gives
    assert found["class_ece"] == pytest.approx(np.sqrt(np.mean(squares)))


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
    found = evaluate_logits(np.log(np.column_stack([1 - p, p])), labels, Decision(NAMES[:2]))
    for name in ("ece", "class_ece"):
        assert found[name] < 0.01
        assert found["intervals"][name][0] == 0
    bold = np.log(np.tile([0.01, 0.99], (100, 1)))
    found = evaluate_logits(bold, (np.arange(100) % 10 < 7).astype(int), Decision(NAMES[:2]))
    # Less what chance gives: the variance of the mean of 100 of which 70 happened.
    assert found["ece"] == pytest.approx(np.sqrt((0.99 - 0.7) ** 2 - 0.7 * 0.3 / 99))
    assert found["class_ece"] == pytest.approx(found["ece"])


def test_errors_of_calibration_are_not_too_large_on_average():
    """The square is unbiased: a plain one would be 15 bins' noise."""
    rng, squares = np.random.default_rng(0), []
    for _ in range(200):
        p = rng.uniform(0.5, 1, 600)
        happened = rng.random(600) < p
        squares.append(SquaredGap(happened, p, Units(600)).square)
    assert abs(np.mean(squares)) < 3 * np.std(squares) / np.sqrt(200)
    assert np.mean(squares) < 0.1 * 15 * 0.18 / 600


@pytest.mark.parametrize("values", [(0.8,), (0.6, 0.7, 0.95)])
def test_the_order_of_equally_sure_reviews_does_not_matter(values):
    rng = np.random.default_rng(0)
    p = rng.choice(values, 300)
    logits, labels = np.log(np.column_stack([1 - p, p])), (rng.random(300) < p).astype(int)
    order = np.argsort(labels, kind="stable")
    mixed, ordered = (evaluate_logits(logits[o], labels[o], Decision("ab")) for o in (np.arange(300), order))
    for name in ("ece", "class_ece", "roc_auc"):
        assert mixed[name] == pytest.approx(ordered[name])
        assert mixed["intervals"][name] == pytest.approx(ordered["intervals"][name])


def test_what_cannot_be_had_is_null_with_the_reason():
    # Of 30 reviews all are anger or fear; love is predicted once, joy never.
    labels = np.arange(30) % 2
    logits = np.eye(4)[labels] * 4.0
    logits[0] = [0, 0, 0, 4]
    found = evaluate_logits(logits, labels, Decision(NAMES))
    assert found["labels_left_out"] == 1
    assert found["f1"] == pytest.approx((28 / 29 + 1 + 0) / 3)
    assert found["precision_per_class"] == {"anger": 1, "fear": 1, "joy": None, "love": 0}
    assert found["recall_per_class"] == {"anger": 14 / 15, "fear": 1, "joy": None, "love": None}
    assert found["support"] == {"anger": 15, "fear": 15, "joy": 0, "love": 0}
    assert found["absent"] == {
        "f1_joy": "no text is labelled or predicted so",
        "precision_joy": "no text is predicted as it",
        "recall_joy": "no text is labelled so",
        "recall_love": "no text is labelled so",
        "interval of loss": "fewer than 4 texts are labelled wrongly",
        "interval of brier": "fewer than 4 texts are labelled wrongly",
        "ordinal": "the labels are not three or more numbers",
    }
    for name in ("f1_joy", "precision_joy", "recall_love", "loss", "mean_absolute_error", "within_one"):
        assert found["intervals"][name] is None


def test_labels_that_are_numbers_have_an_order():
    labels = np.repeat([0, 1, 2, 3], 10)
    predicted = np.where(np.arange(40) % 4 == 0, np.roll(labels, 20), labels)
    found = evaluate_logits(np.eye(4)[predicted] * 5.0, labels, Decision(["1", "2", "3.5", "5"]))
    values = np.array([1, 2, 3.5, 5])
    distance = np.abs(values[labels] - values[predicted])
    assert found["ordinal"]["mean_absolute_error"] == pytest.approx(distance.mean())
    assert found["ordinal"]["within_one"] == pytest.approx((distance <= 1).mean())
    assert "ordinal" not in found["absent"]
    for names in (["1", "2", "3", "x"], ["1", "2", "3", "nan"]):
        assert evaluate_logits(np.eye(4)[predicted], labels, Decision(names))["ordinal"] is None


@pytest.mark.parametrize("classes", [2, 4])
def test_one_label_only_still_gives_json(classes):
    logits, _ = case(classes)
    found = evaluate_logits(logits, np.ones(len(logits), int), Decision(NAMES[:classes]))
    assert found["roc_auc"] is None
    assert found["absent"]["roc_auc"] == "all texts have one label"
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
    assert found["brier"] == 1
    assert found["ece"] is None
    assert found["absent"]["ece"] == found["absent"]["class_ece"] == "fewer than 20 texts"
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
    # One review more or less would move it that far.
    low, high = found["difference_ci95"]
    assert low == -high
    assert 0.01 < high < 0.03
    assert found["only_ours_right"] == found["only_theirs_right"] == 0
