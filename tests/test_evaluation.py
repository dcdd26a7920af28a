"""Figures of merit against formulas written anew, and the one rule from logits to labels."""

import itertools
import json
import math

import numpy as np
import pytest
from sklearn import metrics

from keras_sentiment.decision import Decision
from keras_sentiment.metrics.figures import (
    LENGTHS,
    accuracy_by_length,
    compare,
    evaluate_logits,
    expected_calibration_error,
)
from keras_sentiment.metrics.intervals import bootstrap, resampled_figures, share_interval

pytestmark = pytest.mark.once

NAMES = ("anger", "fear", "joy", "love")


def case(classes, reviews=300):
    """Logits that know something of the labels, and are wrong often enough."""
    rng = np.random.default_rng(classes)
    labels = rng.integers(0, classes, reviews)
    logits = rng.normal(size=(reviews, classes)) * 2 + np.eye(classes)[labels] * 1.5
    return logits, labels


def softmax(logits):
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


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


def ece_by_loop(p, labels):
    confidence, gaps = p.max(axis=1), 0.0
    for low in np.arange(15) / 15:
        inside = (confidence >= low) & ((confidence < low + 1 / 15) | (low == 14 / 15))
        if inside.any():
            right = (p.argmax(axis=1) == labels)[inside].mean()
            gaps += inside.mean() * abs(right - confidence[inside].mean())
    return gaps


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


def test_interval_holds_the_accuracy_and_shrinks():
    widths = []
    for repeats in (1, 100):
        logits, labels = (np.concatenate([part] * repeats) for part in case(2, 200))
        found = evaluate_logits(logits, labels, Decision(NAMES[:2]))
        low, high = found["accuracy_ci95"]
        assert low < found["accuracy"] < high
        spread = np.sqrt(found["accuracy"] * (1 - found["accuracy"]) / len(labels))
        assert high - low == pytest.approx(2 * 1.96 * spread, rel=0.15)
        widths.append(high - low)
    assert widths[1] == pytest.approx(widths[0] / 10, rel=0.2)


def test_temperature_changes_confidence_and_no_label():
    logits, _ = case(4)
    cold, plain, warm = (Decision(NAMES, t).probabilities(logits) for t in (0.5, 1.0, 3.0))
    assert (cold.argmax(axis=1) == plain.argmax(axis=1)).all()
    assert (warm.argmax(axis=1) == plain.argmax(axis=1)).all()
    assert (cold.max(axis=1) > plain.max(axis=1)).all()
    assert (plain.max(axis=1) > warm.max(axis=1)).all()


def test_a_higher_threshold_only_takes_labels_away():
    logits, _ = case(2)
    p = Decision(NAMES[:2]).probabilities(logits)
    chosen = [Decision(NAMES[:2], 1.0, t).choose(p) for t in (0.05, 0.3, 0.5, 0.7, 0.95)]
    for lower, higher in itertools.pairwise(chosen):
        assert (higher <= lower).all()
        assert higher.sum() < lower.sum()
    assert (chosen[2] == Decision(NAMES[:2]).choose(p)).all()


def test_results_name_the_chosen_label_row_by_row():
    logits, _ = case(2)
    results = Decision(NAMES[:2], 2.0, 0.9).results(logits)
    for row, result in zip(softmax(logits / 2), results, strict=True):
        assert result["label"] == ("fear" if row[1] >= 0.9 else "anger")
        assert result["probability"] == result["probabilities"][result["label"]]
        assert list(result["probabilities"]) == ["anger", "fear"]
        assert list(result["probabilities"].values()) == pytest.approx(row.tolist())
        assert sum(result["probabilities"].values()) == pytest.approx(1)
    json.dumps(results, allow_nan=False)


def test_huge_logits_do_not_overflow():
    logits = np.array([[3e38, -3e38], [-3e38, 3e38], [3e38, 3e38]], "float32")
    p = Decision(NAMES[:2], 0.01).probabilities(logits)
    np.testing.assert_array_equal(p, [[1, 0], [0, 1], [0.5, 0.5]])


def sklearns(labels, p, predicted):
    """The figures of some reviews, each by scikit-learn."""
    classes = range(p.shape[1])
    present = np.unique(labels)
    areas = [metrics.roc_auc_score(labels == c, p[:, c]) for c in present] if len(present) > 1 else np.nan
    f1 = metrics.f1_score(labels, predicted, labels=classes, average=None, zero_division=0)
    return {
        "accuracy": metrics.accuracy_score(labels, predicted),
        "f1": f1.mean(),
        "f1_per_class": f1,
        "roc_auc": np.mean(areas),
        "loss": metrics.log_loss(labels, p, labels=classes),
        "brier": metrics.brier_score_loss(labels, p, labels=classes),
        "ece": ece_by_loop(p, labels),
    }


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("kind", ["plain", "tied", "saturated", "one label", "few"])
def test_figures_of_a_resample_are_scikit_learns(classes, kind):
    logits, labels = case(classes, 6 if kind == "few" else 300)
    if kind == "tied":
        logits = logits.round()
    if kind == "saturated":
        logits = logits * 1e3
    if kind == "one label":
        labels = np.ones_like(labels)
    decision = Decision(NAMES[:classes], threshold=0.7 if classes == 2 else None)
    p = decision.probabilities(logits)
    predicted = decision.choose(p)
    drawn = np.random.default_rng(1).integers(len(labels), size=(20, len(labels)))
    counts = np.stack([np.bincount(row, minlength=len(labels)) for row in drawn]).astype(float)
    found = resampled_figures(labels, p, predicted, counts)
    for number, rows in enumerate(drawn):
        for name, expected in sklearns(labels[rows], p[rows], predicted[rows]).items():
            np.testing.assert_allclose(found[name][..., number], expected, atol=1e-6, err_msg=name)


def test_intervals_are_those_of_resamples_of_whole_reviews():
    """Each bound is where a plain loop over scikit-learn puts it, but for the draw."""
    logits, labels = case(2, 200)
    decision = Decision(NAMES[:2])
    p = decision.probabilities(logits)
    predicted = decision.choose(p)
    found = bootstrap(labels, p, predicted, NAMES[:2])
    assert set(found) == {"accuracy", "f1", "f1_anger", "f1_fear", "roc_auc", "loss", "brier", "ece"}
    assert found == bootstrap(labels, p, predicted, NAMES[:2])
    rng = np.random.default_rng(7)
    drawn = [rng.integers(200, size=200) for _ in range(250)]
    figures = [sklearns(labels[rows], p[rows], predicted[rows]) for rows in drawn]
    for name in ("accuracy", "f1", "roc_auc", "loss", "brier", "ece"):
        values = [figure[name] for figure in figures]
        np.testing.assert_allclose(found[name], np.percentile(values, [2.5, 97.5]), atol=0.6 * np.std(values))


def test_intervals_cover_what_they_estimate():
    """Of many draws, about 95% give an interval that holds the figures of all reviews there are."""
    logits, labels = case(2, 20_000)
    decision = Decision(NAMES[:2])
    whole = evaluate_logits(logits, labels, decision)
    rng = np.random.default_rng(3)
    covered = dict.fromkeys(("accuracy", "f1", "roc_auc", "loss", "brier"), 0)
    for _ in range(60):
        rows = rng.choice(20_000, 200, replace=False)
        intervals = evaluate_logits(logits[rows], labels[rows], decision)["intervals"]
        for name in covered:
            low, high = intervals[name]
            covered[name] += low <= whole[name] <= high
    for name, count in covered.items():
        assert count >= 51, name  # 57 expected; fewer than 51 once in a hundred times


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


def test_interval_of_a_share_is_wilsons():
    low, high = share_interval(86, 100)
    z = 1.959964
    middle, half = (
        (0.86 + z**2 / 200) / (1 + z**2 / 100),
        z / (1 + z**2 / 100) * np.sqrt(0.86 * 0.14 / 100 + z**2 / 40_000),
    )
    assert [low, high] == pytest.approx([middle - half, middle + half], abs=1e-5)


def test_a_model_against_itself():
    right = np.random.default_rng(0).random(100) < 0.8
    found = compare(right, right)
    assert found["p_value"] == 1
    assert found["difference"] == 0
    assert found["difference_ci95"] == [0, 0]
    assert found["only_ours_right"] == found["only_theirs_right"] == 0


def test_mcnemar_and_the_paired_interval():
    # 60 both right, 15 only ours, 5 only theirs, 20 neither.
    ours = np.repeat([True, True, False, False], [60, 15, 5, 20])
    theirs = np.repeat([True, False, True, False], [60, 15, 5, 20])
    found = compare(ours, theirs)
    assert found["accuracy"] == pytest.approx(0.65)
    assert found["difference"] == pytest.approx(0.10)
    assert (found["only_ours_right"], found["only_theirs_right"]) == (15, 5)
    # Two-sided: of 20 fair coins, 15 or more or 5 or fewer.
    assert found["p_value"] == pytest.approx(2 * sum(math.comb(20, k) for k in range(6)) / 2**20)
    low, high = found["difference_ci95"]
    spread = np.sqrt((20 - 100 * 0.1**2) / 100**2)
    assert [low, high] == pytest.approx([0.1 - 1.96 * spread, 0.1 + 1.96 * spread], abs=0.015)
    # Pairing matters: as if of two samples, the interval would be half as wide again.
    assert high - low < 2 * 1.96 * np.sqrt(0.75 * 0.25 / 100 + 0.65 * 0.35 / 100) * 0.8
    back = compare(theirs, ours)
    assert back["difference"] == -found["difference"]
    assert back["p_value"] == pytest.approx(found["p_value"])
