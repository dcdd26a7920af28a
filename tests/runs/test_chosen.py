"""What was chosen on validation is said as it was."""

import dataclasses

import pytest

from helpers.tiny import RECIPE
from keras_sentiment.runs.chosen import chosen_on_validation
from keras_sentiment.runs.config import Calibration, RunConfig, ThresholdCheck

pytestmark = pytest.mark.once

CONFIG = RunConfig(
    labels=("negative", "positive"),
    recipe=RECIPE,
    cleaning_version=2,
    backend="torch",
    precision="float32",
    versions={},
    data={},
    temperature=1.25,
    calibration=Calibration(80, 12, fitted=True, reason="", ngram_weight=0.75),
)


def changed(**changes):
    return " ".join(chosen_on_validation(dataclasses.replace(CONFIG, **changes)))


def test_a_temperature_is_said_with_what_it_was_fitted_on():
    assert "temperature of 1.2500, fitted on 80 validation reviews (12 groups)." in changed()
    unfitted = Calibration(20, None, fitted=False, reason="the validation reviews have one label only")
    told = changed(temperature=1.0, calibration=unfitted)
    assert "No temperature was fitted on 20 validation reviews: the validation reviews have one label" in told
    assert "n-grams" not in told
    assert "calibrated" not in told


def test_who_chose_the_weight_of_the_ngrams_is_said():
    assert "weight of 0.75 in the average of logits, as it was given." in changed()
    chosen = dataclasses.replace(CONFIG.calibration, chose_ngram_weight=True)
    assert "in the average of logits, chosen by log loss on validation." in changed(calibration=chosen)


def test_a_threshold_is_said_with_what_it_does():
    check = ThresholdCheck("negative", "precision=0.9", 0.95, 0.5, (0.9, 0.98), (0.4, 0.6), 40, 76)
    calibration = dataclasses.replace(CONFIG.calibration, threshold=check)
    told = changed(calibration=calibration, threshold=0.4)
    assert "40 get the label and 76 have it, precision 0.9500 (0.9000 to 0.9800)" in told
    assert "In at most 5 of 100 such choices" in told
    assert told.endswith("The label is positive where its probability is 0.4 or more, else negative.")
    f1 = dataclasses.replace(check, aim="f1")
    assert "5 of 100" not in changed(calibration=dataclasses.replace(calibration, threshold=f1))
    missed = changed(recipe=RECIPE.replace(threshold_for="precision=0.9"))
    assert "No threshold was found for precision=0.9." in missed


def test_class_weights_are_said():
    """Of a model that was trained further by hand nobody knows what its probabilities are of."""
    by_hand = changed(recipe=RECIPE.replace(class_weight=True), class_weight=(0.5, 4.0), trained_by_hand=True)
    assert "unweighted" not in by_hand
    told = changed(recipe=RECIPE.replace(class_weight=True), class_weight=(0.5, 4.0))
    assert "probabilities are those of unweighted texts" in told
    assert told.endswith(
        "The label is the one with the largest class weight times probability (positive 4, negative 0.5)."
    )
