"""NB-SVM: the weights are those of a logistic regression on log-count ratios, wherever the features lie."""

import math

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from keras_sentiment import nbsvm
from keras_sentiment.errors import InputError
from keras_sentiment.nbsvm import fit_nbsvm

SIZE = 40
pytestmark = pytest.mark.once


def corpus(num_classes, texts=120):
    """Texts of some of the first 30 features, each label with its own favourites; soft labels."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, num_classes, texts)
    likely = rng.random((num_classes, 30))
    found = [np.flatnonzero(rng.random(30) < 0.5 * likely[label]) for label in labels]
    return found, labels


def hard(found, labels, num_classes):
    return zip(found, np.eye(num_classes)[labels], strict=True)


def log_count_ratios(found, labels, num_classes):
    counts = np.ones((SIZE, num_classes))
    for features, label in zip(found, labels, strict=True):
        counts[features, label] += 1
    # Only what occurs counts towards the totals.
    occurs = np.isin(np.arange(SIZE), np.concatenate(found))
    totals = counts[occurs].sum(axis=0)
    ratios = np.zeros_like(counts)
    for feature in np.flatnonzero(occurs):
        for label in range(num_classes):
            others = [other for other in range(num_classes) if other != label]
            share = counts[feature, label] / totals[label]
            ratios[feature, label] = math.log(share / (counts[feature, others].sum() / totals[others].sum()))
    return ratios


def penalized(kernel, bias, ratios, found, targets, l2, weights):
    """The loss that is to be least, computed text by text."""
    used = ratios != 0
    loss = l2 / 2 * ((kernel[used] / ratios[used]) ** 2).sum()
    for features, target, weight in zip(found, targets, weights, strict=True):
        logits = kernel[features].sum(axis=0) + bias
        loss -= weight * float(target @ (logits - np.log(np.exp(logits).sum())))
    return loss


def test_two_labels_are_scikit_learns_logistic_regression():
    found, labels = corpus(2)
    kernel, bias = fit_nbsvm(hard(found, labels, 2), SIZE, l2=3.0)
    ratios = log_count_ratios(found, labels, 2)[:, 1]
    held = np.zeros((len(found), SIZE))
    for row, features in zip(held, found, strict=True):
        row[features] = 1
    # Two columns of weights, equal by symmetry, are penalized half as much as their one.
    theirs = LogisticRegression(C=2 / 3.0, tol=1e-8, max_iter=1000).fit(held * ratios, labels)
    expected = theirs.decision_function(held * ratios)
    logits = held @ kernel + bias
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], expected, atol=0.02)
    assert np.ptp(expected) > 2


@pytest.mark.parametrize("num_classes", [2, 3])
def test_no_other_weights_have_less_loss(num_classes):
    """Soft labels and weights of labels included."""
    found, labels = corpus(num_classes)
    targets = 0.8 * np.eye(num_classes)[labels] + 0.2 / num_classes
    class_weight = {0: 2.0, 1: 0.5}
    kernel, bias = fit_nbsvm(zip(found, targets, strict=True), SIZE, 2.0, class_weight)
    counts = np.ones((SIZE, num_classes))
    for features, target in zip(found, targets, strict=True):
        counts[features] += target
    occurs = np.isin(np.arange(SIZE), np.concatenate(found))
    others = counts.sum(axis=1, keepdims=True) - counts
    ratios = np.log(counts / counts[occurs].sum(axis=0) / (others / others[occurs].sum(axis=0)))
    ratios[~occurs] = 0
    assert not kernel[~occurs].any()
    weights = [class_weight.get(label, 1.0) for label in labels.tolist()]
    least = penalized(kernel, bias, ratios, found, targets, 2.0, weights)
    rng = np.random.default_rng(1)
    for _ in range(20):
        other = kernel + 0.1 * ratios * rng.normal(size=kernel.shape)
        moved = bias + 0.1 * rng.normal(size=bias.shape)
        assert penalized(other, moved, ratios, found, targets, 2.0, weights) > least


def test_chunks_change_nothing(monkeypatch):
    found, labels = corpus(3)
    whole = fit_nbsvm(hard(found, labels, 3), SIZE, l2=1.0)
    monkeypatch.setattr(nbsvm, "_CHUNK", 16)
    for one, two in zip(whole, fit_nbsvm(hard(found, labels, 3), SIZE, l2=1.0), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)


def test_a_stronger_penalty_leaves_smaller_weights():
    found, labels = corpus(2)
    strong, weak = (fit_nbsvm(hard(found, labels, 2), SIZE, l2=l2)[0] for l2 in (100.0, 1.0))
    assert np.abs(strong).sum() < 0.5 * np.abs(weak).sum()


def test_rare_labels_are_told_by_the_bias():
    """Nine texts in ten have label 0, and what they hold says nothing."""
    rng = np.random.default_rng(2)
    found = [np.flatnonzero(rng.random(30) < 0.3) for _ in range(200)]
    _, bias = fit_nbsvm(hard(found, (np.arange(200) % 10 == 0).astype(int), 2), SIZE, l2=100.0)
    assert bias[0] - bias[1] == pytest.approx(math.log(9), abs=0.3)


def test_a_disk_that_is_full_is_told(tmp_path, monkeypatch):
    class Full:
        name = 0

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def write(self, _):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(nbsvm, "TemporaryFile", lambda dir: Full())
    with pytest.raises(InputError, match=r"n-grams can't be written \(No space left on device\)"):
        fit_nbsvm(hard(*corpus(2), 2), SIZE, 1.0, folder=tmp_path)
