"""NB-SVM: the weights are those of a logistic regression on log-count ratios, wherever the features lie."""

import errno
import io
import math

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from keras_sentiment.errors import InputError
from keras_sentiment.training import nbsvm
from keras_sentiment.training.nbsvm import Batch, fit_nbsvm

SIZE = 40
pytestmark = pytest.mark.once


def corpus(num_classes, texts=120):
    """Texts of some of the first 30 features, each label with its own favourites."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, num_classes, texts)
    likely = rng.random((num_classes, 30))
    found = [np.flatnonzero(rng.random(30) < 0.5 * likely[label]) for label in labels]
    return found, labels


def batches(found, targets, size=50):
    """The texts in batches of some."""
    for first in range(0, len(found), size):
        part = found[first : first + size]
        lengths = np.array([len(features) for features in part])
        yield Batch(np.concatenate(part), lengths, targets[first : first + size])


def hard(labels, num_classes):
    return np.eye(num_classes)[labels]


def log_count_ratios(found, targets):
    """Found text by text; 0 of what doesn't occur."""
    num_classes = targets.shape[1]
    counts = np.ones((SIZE, num_classes))
    for features, target in zip(found, targets, strict=True):
        counts[features] += target
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
    kernel, bias = fit_nbsvm(batches(found, hard(labels, 2)), SIZE, l2=3.0)
    ratios = log_count_ratios(found, hard(labels, 2))[:, 1]
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
def test_the_loss_is_least(num_classes):
    """In every direction it rises as in the opposite one; of soft labels, with weights of labels."""
    found, labels = corpus(num_classes)
    rng = np.random.default_rng(1)
    targets = hard(labels, num_classes) * rng.uniform(1, 9, (len(labels), 1)) + rng.random(num_classes)
    targets /= targets.sum(axis=1, keepdims=True)
    class_weight = {0: 2.0, 1: 0.5}
    kernel, bias = map(np.float64, fit_nbsvm(batches(found, targets), SIZE, 2.0, class_weight))
    ratios = log_count_ratios(found, targets)
    assert not kernel[ratios.any(axis=1) == 0].any()
    weights = [class_weight.get(int(target.argmax()), 1.0) for target in targets]

    def loss(step):
        moved = kernel + ratios * step[:-1]
        return penalized(moved, bias + step[-1], ratios, found, targets, 2.0, weights)

    slopes = []
    for _ in range(30):
        step = rng.normal(size=(SIZE + 1, num_classes))
        step *= 1e-3 / np.linalg.norm(step)
        slopes.append((loss(step) - loss(-step)) / 2e-3)
    nothing = np.concatenate([-kernel / np.where(ratios == 0, 1, ratios), -bias[None]])
    fall = (loss(nothing) - loss(np.zeros_like(nothing))) / np.linalg.norm(nothing)
    assert np.abs(slopes).max() < 0.01 * fall


def test_chunks_change_nothing(monkeypatch):
    found, labels = corpus(3)
    whole = fit_nbsvm(batches(found, hard(labels, 3)), SIZE, l2=1.0)
    monkeypatch.setattr(nbsvm, "_CHUNK", 16)
    for one, two in zip(whole, fit_nbsvm(batches(found, hard(labels, 3)), SIZE, l2=1.0), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)


def test_a_stronger_penalty_leaves_smaller_weights():
    found, labels = corpus(2)
    strong, weak = (fit_nbsvm(batches(found, hard(labels, 2)), SIZE, l2=l2)[0] for l2 in (100.0, 1.0))
    assert np.abs(strong).sum() < 0.5 * np.abs(weak).sum()


def test_rare_labels_are_told_by_the_bias():
    """Nine texts in ten have label 0, and what they hold says nothing."""
    rng = np.random.default_rng(2)
    found = [np.flatnonzero(rng.random(30) < 0.3) for _ in range(200)]
    labels = (np.arange(200) % 10 == 0).astype(int)
    _, bias = fit_nbsvm(batches(found, hard(labels, 2)), SIZE, l2=100.0)
    assert bias[0] - bias[1] == pytest.approx(math.log(9), abs=0.3)


class Full(io.RawIOBase):
    """A file on a disk that is full."""

    def readable(self):
        return True

    def writable(self):
        return True

    def seekable(self):
        return True

    def seek(self, *_):
        return 0

    def write(self, _):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_disk_that_is_full_is_told(tmp_path, monkeypatch):
    """While it is written, and again when it is closed."""
    monkeypatch.setattr(nbsvm, "TemporaryFile", lambda dir: io.BufferedRandom(Full()))
    found, labels = corpus(2)
    with pytest.raises(InputError, match=r"n-grams can't be written \(No space left on device\)"):
        fit_nbsvm(batches(found, hard(labels, 2)), SIZE, 1.0, folder=tmp_path)


def test_a_folder_that_is_not_there_is_told(tmp_path):
    found, labels = corpus(2)
    with pytest.raises(InputError, match=r"nowhere: the n-grams can't be written"):
        fit_nbsvm(batches(found, hard(labels, 2)), SIZE, 1.0, folder=tmp_path / "nowhere")
