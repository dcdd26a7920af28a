"""The linear model of n-grams: what it is, in whatever parts it is fitted, and what it leaves out."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from keras_sentiment.training import nbsvm
from keras_sentiment.training.nbsvm import Batch, fit_nbsvm, memory_needed, most_weights

pytestmark = pytest.mark.once

SIZE = 60


def texts(num_classes, count=400, seed=0):
    """Which of some features each text holds, bool[texts, features], and labels; each has some of its own."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, num_classes, count)
    shares = np.linspace(0.02, 0.3, SIZE) + 0.3 * (np.arange(SIZE) % num_classes == labels[:, None])
    return rng.random((count, SIZE)) < shares, labels


def batches(held, targets, size=70):
    for first in range(0, len(held), size):
        part = held[first : first + size]
        yield Batch(np.nonzero(part)[1] * 3, part.sum(axis=1), targets[first : first + size])


def probabilities(model, held):
    weights = np.zeros((SIZE, len(model.bias)))
    weights[model.features // 3] = model.weights
    logits = held @ weights + model.bias
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def fit(held, targets, num_classes, l2=1.0, **options):
    return fit_nbsvm(batches(held, targets), num_classes, l2, **options)


def test_two_labels_are_a_logistic_regression_on_log_count_ratios(monkeypatch):
    """As scikit-learn fits it: of the difference of two logits the penalty is half as large."""
    monkeypatch.setattr(nbsvm, "_TOLERANCE", 1e-12)
    held, labels = texts(2)
    counts = np.stack([1 + held[labels == label].sum(axis=0) for label in (0, 1)])
    shares = counts / counts.sum(axis=1, keepdims=True)
    ratios = np.log(shares[1] / shares[0])
    expected = LogisticRegression(C=2.0, tol=1e-10, max_iter=10_000).fit(held * ratios, labels)
    found = fit(held, labels, 2)
    np.testing.assert_allclose(
        np.diff(found.weights)[:, 0], ratios[found.features // 3] * expected.coef_[0], atol=2e-4
    )
    np.testing.assert_allclose(np.diff(found.bias), expected.intercept_, atol=1e-3)


@pytest.mark.parametrize("labels_at_once", [1, 3, 4])
def test_labels_are_fitted_in_parts_to_the_same(monkeypatch, labels_at_once):
    """The loss is that of all labels: logits keep the scale that the mean with a deep model needs."""
    held, labels = texts(7)
    expected = probabilities(fit(held, labels, 7), held)
    solved, minimize = [], nbsvm.optimize.minimize
    monkeypatch.setattr(nbsvm, "_BLOCK", labels_at_once * (SIZE + 1))
    monkeypatch.setattr(
        nbsvm.optimize,
        "minimize",
        lambda loss, start, *rest, **options: (
            solved.append(start.size) or minimize(loss, start, *rest, **options)
        ),
    )
    found = probabilities(fit(held, labels, 7), held)
    assert max(solved) == labels_at_once * (SIZE + 1)  # what memory is of
    rows = np.arange(len(labels))
    losses = [-np.log(each[rows, labels]).mean() for each in (expected, found)]
    assert losses[1] == pytest.approx(losses[0], rel=0.02)
    assert np.abs(found - expected).mean() < 0.01


def test_probabilities_are_learned_as_labels_are():
    held, labels = texts(4)
    weight = {0: 3.0, 2: 0.5}
    one, two = (fit(held, targets, 4, 30.0, class_weight=weight) for targets in (labels, np.eye(4)[labels]))
    for ours, theirs in zip(one, two, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    plain = fit(held, labels, 4, 30.0)
    assert probabilities(one, held)[:, 0].mean() > 1.1 * probabilities(plain, held)[:, 0].mean()


@pytest.mark.parametrize("labels_at_once", [2, 5])
def test_of_too_many_features_those_of_most_texts_are_kept(monkeypatch, labels_at_once):
    """And fitted as if the others were not there; a text may hold none of them."""
    monkeypatch.setattr(nbsvm, "_BLOCK", labels_at_once * 21)
    held, labels = texts(5)
    held[7] = False
    held[7, int(held.sum(axis=0).argmin())] = True
    often = np.sort(np.argsort(-held.sum(axis=0), kind="stable")[:20])
    found = fit(held, labels, 5, max_weights=104)
    np.testing.assert_array_equal(found.features, 3 * often)
    assert found.occurring == SIZE
    alone = np.zeros_like(held)
    alone[:, often] = held[:, often]
    expected = fit(alone, labels, 5)
    np.testing.assert_allclose(found.weights, expected.weights, atol=1e-6)
    np.testing.assert_allclose(found.bias, expected.bias, atol=1e-6)


def test_chunks_change_nothing(monkeypatch):
    held, labels = texts(5)
    expected = fit(held, labels, 5, max_weights=150)
    monkeypatch.setattr(nbsvm, "_CHUNK", 90)
    found = fit(held, labels, 5, max_weights=150)
    np.testing.assert_array_equal(found.features, expected.features)
    np.testing.assert_allclose(found.weights, expected.weights, atol=1e-4)


def test_memory_has_a_bound_that_no_number_of_labels_passes():
    needed = [memory_needed(most_weights(1_080_000, labels)) for labels in (2, 10, 100, 1000, 10_000)]
    assert max(needed) < 2e9
    assert memory_needed(most_weights(10_000, 2)) < 0.2e9
