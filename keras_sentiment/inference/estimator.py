"""A trained model as a classifier of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.frozen import FrozenEstimator


def as_estimator(
    predict: Callable[[Iterable[str]], list[dict[str, Any]]],
    probabilities: Callable[[Iterable[str]], np.ndarray],
    labels: Sequence[str],
) -> FrozenEstimator:
    """Returns a fitted classifier of texts, which `fit` and `clone` leave as it is."""
    return FrozenEstimator(_TextClassifier(predict, probabilities, labels))


class _TextClassifier(ClassifierMixin, BaseEstimator):
    def __init__(self, results: Any, probabilities: Any, labels: Sequence[str]) -> None:
        self.results, self.probabilities, self.labels = results, probabilities, labels

    def __sklearn_is_fitted__(self) -> bool:
        return True

    @property
    def classes_(self) -> np.ndarray:
        return np.array(self.labels)

    def predict(self, X: Iterable[str]) -> np.ndarray:
        return np.array([result["label"] for result in self.results(X)], dtype=self.classes_.dtype)

    def predict_proba(self, X: Iterable[str]) -> np.ndarray:
        return self.probabilities(X)
