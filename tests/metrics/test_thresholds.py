"""Thresholds: the best for F1; and those that keep the precision that they were asked for, on new texts."""

import re
from contextlib import suppress

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import f1_score

from helpers.calibrated import drawn
from keras_sentiment.decision import Decision
from keras_sentiment.errors import InputError
from keras_sentiment.metrics.thresholds import best_f1, clopper_pearson, with_precision
from keras_sentiment.training_config import TrainingConfig

pytestmark = pytest.mark.once


def every_threshold(scores):
    return [float(t) for t in np.concatenate([[1e-9], np.unique(scores)]) if 0 < t < 1]


@pytest.mark.parametrize("ties", [False, True])
def test_no_threshold_is_better_for_f1(ties):
    logits, labels = drawn(2.0, reviews=400)
    scores = Decision("ab").probabilities(logits.round() if ties else logits)[:, 1]
    chosen = best_f1(scores, labels == 1)
    best = max(f1_score(labels, scores >= t) for t in every_threshold(scores))
    assert f1_score(labels, scores >= chosen.value) == pytest.approx(best)
    assert np.abs(scores - chosen.value).min() > 0
    assert chosen.chosen == (scores >= chosen.value).sum()
    assert (chosen.right, chosen.present) == ((scores >= chosen.value)[labels == 1].sum(), labels.sum())


def test_f1_of_a_label_that_is_nowhere_is_refused():
    with pytest.raises(InputError, match="no validation text has the label"):
        best_f1(np.array([0.2, 0.4]), np.array([False, False]))


def draw(rng, texts, mean):
    """Calibrated probabilities, and labels drawn from them."""
    scores = expit(rng.normal(mean, 3.5, texts))
    return scores, rng.random(texts) < scores


def precision_of(threshold, mean):
    scores, _ = draw(np.random.default_rng(7), 400_000, mean)
    return scores[scores >= threshold].mean()


@pytest.mark.parametrize(
    ("texts", "mean", "least", "most_refused"),
    [(2500, 0.0, 0.95, 0.05), (400, 0.0, 0.9, 0.6), (250, -6.0, 0.9, 1)],
)
def test_the_promised_precision_is_kept_on_new_texts(texts, mean, least, most_refused):
    """The largest recall among thresholds with that precision on validation keeps it in half of the draws."""
    rng = np.random.default_rng(texts)
    kept = []
    for _ in range(40):
        try:
            found = with_precision(*draw(rng, texts, mean), least)
        except InputError:
            continue
        kept.append(precision_of(found.value, mean) >= least)
        assert found.precision >= least
    assert 1 - len(kept) / 40 <= most_refused
    assert sum(kept) >= 0.9 * len(kept)


def test_a_model_that_is_too_sure_keeps_it_too():
    """The promise rests on the labels, and not on the probabilities."""
    rng = np.random.default_rng(5)
    for _ in range(20):
        logits = rng.normal(0, 3.5, 2500)
        labels = rng.random(2500) < expit(logits / 3)
        try:
            found = with_precision(expit(logits), labels, 0.9)
        except InputError:
            continue
        fresh = rng.normal(0, 3.5, 100_000)
        assert expit(fresh / 3)[expit(fresh) >= found.value].mean() > 0.88


def test_it_finds_what_it_may():
    """It gives up no more recall than the test needs."""
    rng = np.random.default_rng(1)
    scores, labels = draw(rng, 5000, 0.0)
    found = with_precision(scores, labels, 0.9)
    assert found.recall > 0.65
    assert np.abs(scores - found.value).min() > 0
    assert found.precision_ci95[0] < found.precision < found.precision_ci95[1]


def test_equal_probabilities_stay_together():
    rng = np.random.default_rng(2)
    scores = rng.choice([0.05, 0.5, 0.97], 2000)
    labels = rng.random(2000) < scores
    found = with_precision(scores, labels, 0.9)
    assert 0.5 < found.value < 0.97
    with pytest.raises(InputError):
        with_precision(np.full(2000, 0.5), rng.random(2000) < 0.5, 0.9)


def test_a_refusal_says_how_many_texts_are_needed():
    rng = np.random.default_rng(3)
    scores, labels = draw(rng, 200, 0.0)
    with pytest.raises(InputError, match=r"200 validation texts.*labelled validation texts") as caught:
        with_precision(scores, labels, 0.97)
    needed = int(re.search(r"about ([\d,]+) labelled", str(caught.value))[1].replace(",", ""))
    assert 200 < needed < 5000
    refused = 0
    for _ in range(20):
        try:
            with_precision(*draw(rng, needed, 0.0), 0.97)
        except InputError:
            refused += 1
    assert refused <= 6


def test_a_model_that_is_nowhere_sure_is_told_so():
    scores = np.random.default_rng(0).uniform(0.2, 0.6, 1000)
    with pytest.raises(InputError, match="nowhere so sure"):
        with_precision(scores, np.random.default_rng(1).random(1000) < scores, 0.9)


def test_the_interval_of_all_or_nothing_has_a_width():
    assert clopper_pearson(20, 20) == pytest.approx([0.8316, 1.0], abs=1e-4)
    assert clopper_pearson(0, 20) == pytest.approx([0.0, 0.1684], abs=1e-4)


@pytest.mark.parametrize("aim", ["recall", "precision", "precision=", "precision=0", "precision=1", "f1=1"])
def test_other_aims_are_refused(aim):
    with pytest.raises(InputError, match="f1 or precision=P"):
        TrainingConfig(threshold_for=aim)


def test_a_label_without_an_aim_is_refused():
    with pytest.raises(InputError, match="threshold_label"):
        TrainingConfig(threshold_label="positive")


def test_the_promise_holds_for_texts_in_groups():
    """Ten authors, each of whom the model overrates or underrates: their texts are no independent draws."""
    rng = np.random.default_rng(0)
    broken, given = {"groups": 0, "alone": 0}, {"groups": 0, "alone": 0}
    whole = rng.normal(0, 3.5, 200_000)
    scores_of = expit(whole * 0.9)  # nearly calibrated over all authors
    truth = expit(whole + rng.normal(0, 1.5, 200_000))
    for _ in range(60):
        logits, authors = rng.normal(0, 3.5, 2500), np.repeat(np.arange(10), 250)
        labels = rng.random(2500) < expit(logits + rng.normal(0, 1.5, 10)[authors])
        for name, groups in (("groups", authors), ("alone", None)):
            try:
                found = with_precision(expit(logits * 0.9), labels, 0.9, groups)
            except InputError:
                continue
            given[name] += 1
            broken[name] += truth[scores_of >= found.value].mean() < 0.9
    assert broken["groups"] <= 6
    assert broken["alone"] > broken["groups"]
    assert given["groups"] < given["alone"] == 60


@pytest.mark.parametrize("scores", [[1.0] * 100 + [1 - 1.2e-16] * 5, [0.0] * 80 + [1e-320] * 25, [0.5] * 105])
def test_probabilities_that_are_next_to_each_other_give_no_threshold(scores):
    scores, labels = np.array(scores), np.arange(105) % 5 > 0
    for choose in (lambda: best_f1(scores, labels), lambda: with_precision(scores, labels, 0.5)):
        with suppress(InputError):
            assert 0 < choose().value < 1


def test_a_label_or_groups_that_show_nothing_are_refused():
    """Of one group nothing tells how alike its texts are; without the label nothing can be right."""
    scores, labels = draw(np.random.default_rng(4), 2500, 0.0)
    with pytest.raises(InputError, match=r"9 groups, too few.*10 of them"):
        with_precision(scores, labels, 0.9, np.arange(2500) % 9)
    assert with_precision(scores, labels, 0.9, np.arange(2500) % 10).precision >= 0.9
    with pytest.raises(InputError, match="no validation text has the label"):
        with_precision(scores, np.zeros(2500, bool), 0.9)
