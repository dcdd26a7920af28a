"""The rule from logits to labels."""

import itertools
import json

import numpy as np
import pytest

from helpers.random_figures import NAMES, case, softmax
from keras_sentiment.decision import Decision

pytestmark = pytest.mark.once


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
