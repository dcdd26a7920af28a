"""Temperature and threshold: fitted on validation, the best there are."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score

from helpers.calibrated import loss
from keras_sentiment.config import TrainingConfig
from keras_sentiment.decision import Decision
from keras_sentiment.errors import InputError
from keras_sentiment.metrics.calibration import MIN_REVIEWS, TEMPERATURES, choose_threshold, fit_temperature

pytestmark = pytest.mark.once


def drawn(temperature, classes=2, reviews=20_000, seed=0):
    """Logits, and labels drawn from the probabilities that they have at a temperature."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(reviews, classes)) * 3
    p = Decision([str(c) for c in range(classes)], temperature).probabilities(logits)
    return logits, (p.cumsum(axis=1) < rng.random((reviews, 1))).sum(axis=1)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_labels_were_drawn_at_is_found(classes, temperature):
    logits, labels = drawn(temperature, classes)
    found = fit_temperature(logits, labels)
    assert found == pytest.approx(temperature, rel=0.06)
    grid = [loss(logits, labels, t) for t in np.geomspace(*TEMPERATURES, 400)]
    assert loss(logits, labels, found) <= min(grid) + 1e-9


def test_too_sure_is_cooled_and_no_label_changes():
    logits, labels = drawn(3.0)
    found = fit_temperature(logits, labels)
    assert found > 2
    assert loss(logits, labels, found) < loss(logits, labels, 1.0) - 0.1
    warm, plain = (Decision("ab", t) for t in (found, 1.0))
    for decision in (warm, plain):
        np.testing.assert_array_equal(decision.choose(decision.probabilities(logits)), logits.argmax(axis=1))


@pytest.mark.parametrize(
    "case",
    [
        lambda logits, labels: (logits, np.zeros_like(labels)),
        lambda logits, labels: (logits[: MIN_REVIEWS - 1], labels[: MIN_REVIEWS - 1]),
        lambda logits, labels: (np.where(np.arange(len(labels))[:, None] == 7, np.nan, logits), labels),
        lambda logits, labels: (np.where(np.arange(len(labels))[:, None] == 7, np.inf, logits), labels),
        lambda logits, labels: (logits, logits.argmax(axis=1)),
        lambda logits, labels: (logits[:0], labels[:0]),
    ],
)
def test_where_none_can_be_fitted_it_is_one(case):
    assert fit_temperature(*case(*drawn(3.0, reviews=500))) == 1.0


def test_a_hopeless_model_gets_a_temperature_within_the_range():
    logits, labels = drawn(1.0)
    assert fit_temperature(logits, 1 - labels) == pytest.approx(TEMPERATURES[1], rel=1e-3)
    assert fit_temperature(logits / 1000, labels) == pytest.approx(TEMPERATURES[0], rel=1e-3)


def every_threshold(p):
    return [float(t) for t in np.concatenate([[1e-9], np.unique(p[:, 1])]) if 0 < t < 1]


@pytest.mark.parametrize("ties", [False, True])
def test_no_threshold_is_better_for_f1(ties):
    logits, labels = drawn(2.0, reviews=400)
    p = Decision("ab").probabilities(logits.round() if ties else logits)
    chosen = choose_threshold(p, labels, "f1")
    best = max(f1_score(labels, p[:, 1] >= t) for t in every_threshold(p))
    assert f1_score(labels, p[:, 1] >= chosen) == pytest.approx(best)
    assert np.abs(p[:, 1] - chosen).min() > 0


@pytest.mark.parametrize("least", [0.6, 0.9])
@pytest.mark.parametrize("ties", [False, True])
def test_no_threshold_of_that_precision_finds_more(least, ties):
    logits, labels = drawn(2.0, reviews=400)
    p = Decision("ab").probabilities(logits.round() if ties else logits)
    predicted = p[:, 1] >= choose_threshold(p, labels, f"precision={least}")
    assert precision_score(labels, predicted) >= least
    reached = [
        recall_score(labels, p[:, 1] >= t)
        for t in every_threshold(p)
        if precision_score(labels, p[:, 1] >= t, zero_division=0) >= least
    ]
    assert recall_score(labels, predicted) == max(reached)


def test_precision_that_none_has_is_refused():
    # The review that the model is surest of is wrong, and no sure one follows.
    p = np.array([[0.1, 0.9], [0.2, 0.8], [0.9, 0.1]])
    labels = np.array([0, 1, 0])
    with pytest.raises(InputError, match=r"precision=0.6.*largest there is 0.5000"):
        choose_threshold(p, labels, "precision=0.6")
    assert 0.1 < choose_threshold(p, labels, "precision=0.5") < 0.8
    with pytest.raises(InputError, match="no threshold"):
        choose_threshold(np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([0, 1]), "precision=0.9")


@pytest.mark.parametrize("aim", ["recall", "precision", "precision=", "precision=0", "precision=1.1", "f1=1"])
def test_other_aims_are_refused(aim):
    with pytest.raises(InputError, match="f1 or precision=P"):
        TrainingConfig(threshold_for=aim)
