"""What a reader of figures should beware of."""

import dataclasses

import numpy as np
import pytest

from helpers.pages import bad_logits, measured
from keras_sentiment.evaluation.cautions import cautions

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def metrics(split, run):
    return measured(split, bad_logits(split), run.decision)


def said(metrics, run, fingerprint="", truncated=0, config=None):
    return " ".join(cautions(metrics, config or run.config, fingerprint, truncated))


def test_there_is_always_one(metrics, run):
    better = {name: {**row, "difference_ci95": [0.1, 0.2]} for name, row in metrics["baselines"].items()}
    values = {**metrics, "examples": 1000, "baselines": better, "support": {"negative": 500, "positive": 500}}
    values["ece"] = None
    (only,) = cautions(values, run.config, "", 0)
    assert only.startswith("The figures hold for texts like these.")


def test_few_texts_and_rare_labels_are_named(metrics, run):
    assert "Only 30 texts were measured" in said(metrics, run)
    rare = {**metrics, "examples": 1000, "support": {"negative": 990, "positive": 9}}
    found = said(rare, run)
    assert "99.0% of the texts are labelled negative, so accuracy says little" in found
    assert "1 label has fewer than 10 texts" in found
    assert "Only" not in found


@pytest.mark.parametrize(
    ("interval", "words"),
    [([-0.1, 0.1], "not shown to be better"), ([-0.2, -0.1], "worse than"), ([0.1, 0.2], None), (None, None)],
)
def test_a_baseline_that_is_not_beaten_is_named(metrics, run, interval, words):
    baselines = {name: {**row, "difference_ci95": interval} for name, row in metrics["baselines"].items()}
    found = said({**metrics, "baselines": baselines}, run)
    assert ("logistic regression on TF-IDF" in found) == (words is not None)
    assert words is None or words in found


def test_texts_that_chose_or_trained_are_named(metrics, run):
    own = run.config.data["splits"]["validation"]["fingerprint"]
    assert "validation texts of training" in said(metrics, run, own)
    assert "validation texts of training" not in said(metrics, run, "0" * 64)
    assert "The model was trained on 7 of the 30 texts" in said({**metrics, "seen_in_training": 7}, run)
    assert "These are train texts" in said({**metrics, "split": "train"}, run)


def test_truncated_texts_and_bad_probabilities_are_named(metrics, run):
    assert "10 of 30 texts (33.3%) are longer than 6 tokens" in said(metrics, run, truncated=10)
    assert "longer than" not in said(metrics, run, truncated=1)
    bad = {**metrics, "ece": 0.3, "intervals": {**metrics["intervals"], "ece": [0.2, 0.4]}}
    assert "the calibration error is 0.3000 (0.2000 to 0.4000)" in said(bad, run)
    plain = {**metrics, "ece": None}
    assert "not calibrated" in said(plain, run, config=dataclasses.replace(run.config, calibration=None))


def test_what_preparation_warned_of_is_repeated(metrics, run):
    config = dataclasses.replace(run.config, data={**run.config.data, "warnings": ["half of it is noise"]})
    assert "Training data: half of it is noise." in said(metrics, run, config=config)
    assert np.isfinite(metrics["accuracy"])
