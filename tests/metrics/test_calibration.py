"""The temperature and the weight of the n-grams: fitted on validation, better on other texts."""

import numpy as np
import pytest

from helpers.calibrated import drawn, loss
from keras_sentiment.decision import Decision
from keras_sentiment.metrics.calibration import (
    NGRAM_WEIGHTS,
    TEMPERATURES,
    choose_ngram_weight,
    design_effect,
    fit_temperature,
)

pytestmark = pytest.mark.once


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("temperature", [0.5, 2.5])
def test_the_temperature_that_labels_were_drawn_at_is_found(classes, temperature):
    logits, labels = drawn(temperature, classes)
    found = fit_temperature(logits, labels)
    assert found.value == pytest.approx(temperature, rel=0.06)
    assert found.reason == ""


def test_a_calibrated_model_stays_as_it_is():
    """The best temperature of a draw is never 1; it must differ from 1 by more than chance."""
    values = [fit_temperature(*drawn(1.0, reviews=1000, seed=seed)) for seed in range(20)]
    assert sum(found.value == 1.0 for found in values) >= 10
    assert all(("chance" in found.reason) == (found.value == 1.0) for found in values)
    assert max(abs(np.log(found.value)) for found in values) < 0.1


def test_too_sure_is_cooled_and_no_label_changes():
    logits, labels = drawn(3.0)
    found = fit_temperature(logits, labels).value
    assert loss(logits, labels, found) < loss(logits, labels, 1.0) - 0.1
    warm, plain = (Decision("ab", t) for t in (found, 1.0))
    for decision in (warm, plain):
        np.testing.assert_array_equal(decision.choose(decision.probabilities(logits)), logits.argmax(axis=1))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
@pytest.mark.parametrize("reviews", [10, 40])
def test_on_few_reviews_it_helps_others(reviews, temperature):
    """Over many draws the loss on other texts is no larger, and smaller where the model needs it."""
    gains = []
    others = drawn(temperature, reviews=20_000, seed=10_000)
    for seed in range(60):
        found = fit_temperature(*drawn(temperature, reviews=reviews, seed=seed)).value
        gains.append(loss(*others, 1.0) - loss(*others, found))
    assert np.mean(gains) > -0.015
    if reviews == 40 and temperature != 1:
        assert np.mean(gains) > 0.25 * (loss(*others, 1.0) - loss(*others, temperature))


def test_reviews_of_one_group_count_as_one():
    """Copies of a few texts say no more than the texts."""
    logits, labels = drawn(1.5, reviews=25)
    alone = fit_temperature(logits, labels)
    copies = np.repeat(logits, 40, axis=0), np.repeat(labels, 40)
    groups = np.repeat(np.arange(25), 40)
    as_groups, as_texts = fit_temperature(*copies, groups), fit_temperature(*copies)
    assert abs(np.log(as_groups.value)) < abs(np.log(as_texts.value))
    assert as_texts.value > 1.1
    assert abs(np.log(alone.value)) < abs(np.log(as_texts.value))


def test_design_effect_is_that_of_its_formula():
    rng = np.random.default_rng(0)
    groups, mixed = np.repeat(np.arange(500), 8), np.arange(4000) % 2
    assert design_effect(rng.normal(size=4000), groups, mixed) < 1.3
    assert design_effect(rng.normal(size=500)[groups], groups, mixed) == pytest.approx(8)
    assert design_effect(rng.normal(size=4000), None, mixed) == 1
    assert design_effect(np.zeros(4000), groups, mixed) == 1


def test_groups_of_one_label_each_are_drawn_within_their_label():
    """IMDB's blocks: what parts the labels is no likeness within a block."""
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(100), 20)
    labels = groups % 2
    values = rng.normal(size=2000) + 5 * labels
    assert design_effect(values, groups, labels) < 1.3
    assert design_effect(values, groups, np.arange(2000) % 3) > 10
    alike = values + rng.normal(size=100)[groups]
    assert design_effect(alike, groups, labels) > 5


@pytest.mark.parametrize("case", [lambda z, y: (z, np.zeros_like(y)), lambda z, y: (z[:0], y[:0])])
def test_one_label_fits_nothing_and_says_so(case):
    found = fit_temperature(*case(*drawn(3.0, reviews=500)))
    assert found.value == 1.0
    assert "one label" in found.reason


def test_it_stays_within_its_range():
    logits, labels = drawn(1.0)
    assert fit_temperature(logits, 1 - labels).value == pytest.approx(TEMPERATURES[1], rel=1e-2)
    assert fit_temperature(logits / 20, labels).value == pytest.approx(TEMPERATURES[0], rel=1e-2)
    sure = np.eye(2)[labels] * 3
    assert TEMPERATURES[0] <= fit_temperature(sure, labels).value < 1


@pytest.mark.parametrize(("better", "expected"), [("deep", (0.0, 0.25)), ("linear", (0.9, 1.0))])
def test_the_part_that_knows_more_gets_the_weight(better, expected):
    logits, labels = drawn(1.0, reviews=500)
    noise = np.random.default_rng(3).normal(size=logits.shape)
    parts = {"deep": noise, "linear": noise, better: logits}
    weight, temperature = choose_ngram_weight(parts["deep"], parts["linear"], labels)
    assert weight in expected
    assert weight in NGRAM_WEIGHTS
    assert 0.5 < temperature.value < 2


def test_of_equal_weights_one_half_is_taken():
    logits, labels = drawn(1.0, reviews=500)
    assert choose_ngram_weight(logits, logits, labels)[0] == 0.5
