"""Intervals are those of their sources, hold their own figure, and know groups."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from scipy.stats import t as student
from sklearn import metrics

from helpers.random_figures import NAMES, case
from keras_sentiment.decision import Decision
from keras_sentiment.metrics.figures import accuracy_by_length, compare, evaluate_logits
from keras_sentiment.metrics.intervals import Units, mean_limits
from keras_sentiment.metrics.means import mean_intervals
from keras_sentiment.metrics.ranking import roc_auc
from keras_sentiment.metrics.shares import share

pytestmark = pytest.mark.once

Z = 1.959964


@st.composite
def measured_sets(draw):
    """Logits, labels and groups, the odd ones too."""
    classes, reviews = draw(st.integers(2, 6)), draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    labels = rng.integers(draw(st.integers(0, classes - 1)), classes, reviews)
    logits = rng.normal(size=(reviews, classes)) * 2
    right = draw(st.sampled_from([0, 2, 30]))
    logits[np.arange(reviews), labels] += right * draw(st.sampled_from([-1, 1]))
    logits *= draw(st.sampled_from([0, 0.3, 1, 300]))
    if draw(st.booleans()):
        logits = logits.round()
    groups = draw(st.sampled_from([None, 1, 3, 20, 1000]))
    return logits, labels, None if groups is None else rng.integers(0, groups, reviews)


def figures_and_intervals(found):
    """Yields name, figure and interval of all there are."""
    figures = {
        name: found[name] for name in ("accuracy", "f1", "roc_auc", "loss", "brier", "ece", "class_ece")
    }
    for kind in ("precision", "recall", "f1"):
        figures |= {f"{kind}_{name}": value for name, value in found[f"{kind}_per_class"].items()}
    figures |= found["ordinal"] or dict.fromkeys(("mean_absolute_error", "within_one"))
    assert set(figures) == set(found["intervals"])
    return [(name, figure, found["intervals"][name]) for name, figure in figures.items()]


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(measured_sets(), st.booleans(), st.booleans())
def test_no_interval_excludes_its_own_figure(drawn, numbers, threshold):
    logits, labels, groups = drawn
    names = [str(c) for c in range(logits.shape[1])] if numbers else list("abcdef"[: logits.shape[1]])
    decision = Decision(names, 1.3, 0.7 if threshold and len(names) == 2 else None)
    found = evaluate_logits(logits, labels, decision, groups)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    for name, figure, interval in figures_and_intervals(found):
        if figure is None:
            assert interval is None
            assert name in found["absent"] or "ordinal" in found["absent"]
        elif interval is None:
            assert f"interval of {name}" in found["absent"]
        else:
            assert interval[0] <= figure <= interval[1], name
            assert f"interval of {name}" not in found["absent"]
            assert name not in found["absent"]
    right, rng = decision.correct(logits, labels), np.random.default_rng(0)
    against = compare(right, rng.permutation(right), groups)
    if against["difference_ci95"] is not None:
        low, high = against["difference_ci95"]
        assert -1 <= low <= against["difference"] <= high <= 1
    for row in accuracy_by_length(rng.integers(1, 1000, len(labels)), right, groups):
        assert row["accuracy_ci95"][0] <= row["accuracy"] <= row["accuracy_ci95"][1]


@pytest.mark.parametrize(("hits", "total"), [(86, 100), (20, 20), (0, 7), (1, 1), (2499, 2500)])
def test_interval_of_a_share_is_clopper_and_pearsons(hits, total):
    expected = binomtest(hits, total).proportion_ci(method="exact")
    found = share(np.arange(total) < hits, Units(total)).interval()
    assert found == pytest.approx([expected.low, expected.high])


def test_intervals_of_f1_are_those_of_the_share_of_hits_among_hits_and_errors():
    logits, labels = case(4)
    found = evaluate_logits(logits, labels, Decision(NAMES))
    predicted = logits.argmax(axis=1)
    for c, name in enumerate(NAMES):
        either, both = (predicted == c) | (labels == c), (predicted == c) & (labels == c)
        q = binomtest(int(both.sum()), int(either.sum())).proportion_ci(method="exact")
        expected = [2 * limit / (1 + limit) for limit in (q.low, q.high)]
        assert found["intervals"][f"f1_{name}"] == pytest.approx(expected)


def test_all_right_is_not_certain():
    labels = np.arange(20) % 2
    found = evaluate_logits(np.eye(2)[labels] * 5.0, labels, Decision("ab"))
    for name in ("accuracy", "f1", "f1_a", "precision_a", "recall_b", "roc_auc"):
        low, high = found["intervals"][name]
        assert 0.6 < low < 0.95, name
        assert high == 1


def test_sure_and_all_right_may_still_be_too_sure():
    labels = np.arange(20) % 2
    found = evaluate_logits(np.eye(2)[labels] * 50.0, labels, Decision("ab"))
    for name in ("ece", "class_ece"):
        assert found[name] < 1e-9
        assert found["intervals"][name][0] == 0
        assert found["intervals"][name][1] > 0.05


def test_mean_of_many_labels():
    """The mean F1 has an interval around it where the labels have enough reviews, and else none."""
    rng = np.random.default_rng(0)
    decision = Decision([str(c) for c in range(150)])
    for reviews in (300, 3000):
        labels = rng.integers(0, 150, reviews)
        logits = np.eye(150)[np.where(rng.random(reviews) < 0.02, rng.integers(0, 150, reviews), labels)]
        found = evaluate_logits(logits, labels, decision)
        interval = found["intervals"]["f1"]
        if reviews == 300:
            assert interval is None
            assert "half of them with 2 texts or fewer" in found["absent"]["interval of f1"]
            there = 150 - found["labels_left_out"]
            assert found["f1"] == pytest.approx(sum(filter(None, found["f1_per_class"].values())) / there)
        else:
            assert interval[0] < found["f1"] < interval[1]
            assert interval[1] - interval[0] < 0.03


def test_limits_of_a_mean():
    figures, low, high = np.array([0.5, 0.7]), np.array([0.3, 0.6]), np.array([0.6, 0.8])
    reach = math.sqrt(0.2**2 + 0.1**2) / 2, math.sqrt(0.1**2 + 0.1**2) / 2
    assert mean_limits(figures, low, high, 1) == pytest.approx([0.6 - reach[0], 0.6 + reach[1]])
    # Figures that move as one: the limits' means.
    alike = np.array([0.3, 0.5]), np.array([0.6, 0.8])
    assert mean_limits(figures, *alike, 2) == pytest.approx([0.4, 0.7])


def test_area_that_is_1_has_a_lower_limit_and_others_are_1_96_errors_away():
    labels = np.arange(30) % 2
    for scores in (labels * 1.0, np.where(np.arange(30) < 4, 0.6, labels)):
        area, (low, high) = roc_auc(labels, np.column_stack([1 - scores, scores]), Units(30))
        assert area == pytest.approx(metrics.roc_auc_score(labels, scores))

        def error(theta):
            spread = 1 + 14 * ((1 - theta) / (2 - theta) + theta / (1 + theta))
            return math.sqrt(theta * (1 - theta) * spread / 15**2)

        assert area - low == pytest.approx(Z * error(low), rel=1e-4)
        assert high == 1 or high - area == pytest.approx(Z * error(high), rel=1e-4)
        assert 0.7 < low < area


@pytest.mark.parametrize("classes", [2, 4])
def test_intervals_of_losses_are_those_of_a_plain_bootstrap_t(classes):
    logits, labels = case(classes, 200)
    decision = Decision(NAMES[:classes])
    p = decision.probabilities(logits)
    losses = -np.log(p[np.arange(200), labels])
    found = evaluate_logits(logits, labels, decision)["intervals"]["loss"]
    rng, ratios = np.random.default_rng(7), []
    for _ in range(2000):
        drawn = rng.choice(losses, 200)
        ratios.append((drawn.mean() - losses.mean()) / (drawn.std() / math.sqrt(200)))
    error = losses.std() / math.sqrt(200)
    expected = losses.mean() - np.quantile(ratios, [0.975, 0.025]) * error
    assert found == pytest.approx(expected, abs=0.25 * error)
    # Skewed: it reaches further up than down.
    assert found[1] - losses.mean() > 1.05 * (losses.mean() - found[0])


def test_intervals_of_means_need_errors_and_stay_within_what_is_possible():
    values, most = np.random.default_rng(0).random((40, 1)), np.array([1.0])
    right = np.arange(40) >= 3
    assert mean_intervals(values, most, right, Units(40)) == (
        [None],
        "fewer than 4 texts are labelled wrongly",
    )
    assert mean_intervals(values, most, ~right, Units(40))[1] == "fewer than 4 texts are labelled rightly"
    assert mean_intervals(values[:9], most, right[:9], Units(9))[1] == "fewer than 10 texts"
    three = Units(40, np.arange(40) // 14)
    assert mean_intervals(values, most, right, three)[1] == "fewer than 10 groups"
    # All errors are in the first group.
    groups = Units(40, np.concatenate([np.zeros(20), np.arange(20)]))
    reason = "fewer than 4 groups have a text that is labelled wrongly"
    assert mean_intervals(values, most, np.arange(40) >= 20, groups)[1] == reason
    (interval,), reason = mean_intervals((values > 0.1) * 1.0, most, np.arange(40) > 9, Units(40))
    assert reason is None
    assert interval[0] < (values > 0.1).mean() <= interval[1] <= 1


def test_copies_of_a_review_tell_nothing_more():
    """With the copies as groups the intervals are about those without copies; else half as wide."""
    logits, labels = case(4, 600)
    decision = Decision(["1", "2", "3", "4"])
    once = evaluate_logits(logits, labels, decision)
    copied = [np.repeat(part, 4, axis=0) for part in (logits, labels, np.arange(600))]
    grouped, apart = (
        evaluate_logits(copied[0], copied[1], decision, copied[2]),
        evaluate_logits(copied[0], copied[1], decision),
    )
    assert grouped["groups"] == 600
    assert grouped["accuracy"] == once["accuracy"]
    for name, figure, (low, high) in figures_and_intervals(once):
        assert name == "class_ece" or figure > 0
        width = grouped["intervals"][name][1] - grouped["intervals"][name][0]
        assert 0.9 * (high - low) < width < 1.25 * (high - low), name
        assert apart["intervals"][name][1] - apart["intervals"][name][0] < 0.65 * width, name
    ours, theirs = (np.random.default_rng(seed).random(600) < 0.7 for seed in (0, 1))
    single, many = compare(ours, theirs), compare(np.repeat(ours, 4), np.repeat(theirs, 4), copied[2])
    assert many["difference_ci95"] == pytest.approx(single["difference_ci95"], abs=0.002)
    assert many["p_value"] == pytest.approx(single["p_value"], rel=0.1)
    assert compare(np.repeat(ours, 4), np.repeat(theirs, 4))["p_value"] < 0.5 * many["p_value"]
    lengths = np.arange(600) % 200 + 1
    one = accuracy_by_length(lengths, ours)[0]["accuracy_ci95"]
    four = accuracy_by_length(np.repeat(lengths, 4), np.repeat(ours, 4), copied[2])[0]["accuracy_ci95"]
    assert four == pytest.approx(one, abs=0.01)


def test_groups_of_one_review_change_nothing():
    logits, labels = case(4)
    decision = Decision(NAMES)
    alone, grouped = (
        evaluate_logits(logits, labels, decision),
        evaluate_logits(logits, labels, decision, np.arange(300) * 2),
    )
    for name, _, interval in figures_and_intervals(alone):
        if interval is not None:
            assert grouped["intervals"][name] == pytest.approx(interval), name


def test_few_groups_count_as_few():
    """All right in ten groups of ten: no more is known than of ten reviews; by Student's quantile, less."""
    units = Units(100, np.arange(100) // 10)
    low, high = share(np.ones(100, bool), units).interval()
    size = 10 * (Z / student.ppf(0.975, 9)) ** 2
    assert low == pytest.approx(0.025 ** (1 / size), rel=1e-4)
    assert high == 1
    assert share(np.ones(100, bool), Units(100, np.zeros(100))).interval() is None


def test_one_group_has_figures_and_no_intervals():
    logits, labels = case(4)
    found = evaluate_logits(logits, labels, Decision(NAMES), np.zeros(300))
    assert found["groups"] == 1
    assert all(interval is None for interval in found["intervals"].values())
    assert found["absent"]["interval of accuracy"] == "all texts are of one group"
    assert compare(labels == 0, labels == 1, np.zeros(300))["difference_ci95"] is None


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
    # Agresti & Min: as if half a review more were in each of the four cells.
    middle = (15.5 - 5.5) / 102
    error = math.sqrt(((15.5 + 5.5) / 102 - middle**2) / 102)
    assert found["difference_ci95"] == pytest.approx([middle - Z * error, middle + Z * error])
    back = compare(theirs, ours)
    assert back["difference"] == -found["difference"]
    assert back["p_value"] == pytest.approx(found["p_value"])


@pytest.mark.parametrize(("won", "lost"), [(0, 1), (1, 1), (3, 0), (7, 6), (40, 21), (0, 0)])
def test_p_value_is_the_binomial_tests(won, lost):
    ours = np.repeat([True, False, True], [won, lost, 5])
    theirs = np.repeat([False, True, True], [won, lost, 5])
    expected = binomtest(won, won + lost).pvalue if won + lost else 1
    assert compare(ours, theirs)["p_value"] == pytest.approx(expected)
