"""Intervals cover what they estimate."""

import math

import numpy as np
import pytest
from sklearn import metrics

from helpers.random_figures import NAMES, case, ece_by_loop
from keras_sentiment.decision import Decision
from keras_sentiment.metrics.figures import (
    compare,
    evaluate_logits,
)
from keras_sentiment.metrics.intervals import bootstrap, resampled_figures, share_interval

pytestmark = pytest.mark.once


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


def test_interval_of_a_share_is_wilsons():
    low, high = share_interval(86, 100)
    z = 1.959964
    middle, half = (
        (0.86 + z**2 / 200) / (1 + z**2 / 100),
        z / (1 + z**2 / 100) * np.sqrt(0.86 * 0.14 / 100 + z**2 / 40_000),
    )
    assert [low, high] == pytest.approx([middle - half, middle + half], abs=1e-5)


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
