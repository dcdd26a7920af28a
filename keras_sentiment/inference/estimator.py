"""A trained model as a classifier of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin


class TextClassifier(ClassifierMixin, BaseEstimator):
    """A classifier of texts that is fitted: `fit` and `clone` leave it as it is, as `FrozenEstimator` would.

    Args:
        results: gives the result of each text, as `Classifier.predict` does.
        probabilities: gives float64[texts, num_classes].
        labels: names of the classes.
    """

    def __init__(
        self,
        results: Callable[[Iterable[str]], list[dict[str, Any]]],
        probabilities: Callable[[Iterable[str]], np.ndarray],
        labels: Sequence[str],
    ) -> None:
        self.results, self.probabilities, self.labels = results, probabilities, labels

    @property
    def classes_(self) -> np.ndarray:
        """str[num_classes], the names of the classes."""
        return np.array(self.labels)

    def fit(self, X: Iterable[str], y: Any = None) -> TextClassifier:
        """Returns the classifier as it is."""
        return self

    def predict(self, X: Iterable[str]) -> np.ndarray:
        """Returns str[texts], the label of each."""
        return np.array([result["label"] for result in self.results(X)], dtype=self.classes_.dtype)

    def predict_proba(self, X: Iterable[str]) -> np.ndarray:
        """Returns float64[texts, num_classes]."""
        return self.probabilities(X)

    def __sklearn_clone__(self) -> TextClassifier:
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True
