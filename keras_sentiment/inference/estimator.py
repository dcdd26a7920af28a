"""A trained model as a classifier of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin


class TextClassifier(ClassifierMixin, BaseEstimator):
    """A fitted classifier of texts, which `fit` and `clone` do not change, as with `FrozenEstimator`.

    Args:
        results: returns the result of each text, as `Classifier.predict` does.
        probabilities: returns float64[texts, num_classes].
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
        """The names of the classes, str[num_classes]."""
        return np.array(self.labels)

    def fit(self, X: Iterable[str], y: Any = None) -> TextClassifier:
        """Returns the unchanged classifier."""
        return self

    def predict(self, X: Iterable[str]) -> np.ndarray:
        """Returns the label of each text, str[texts]."""
        return np.array([result["label"] for result in self.results(X)], dtype=self.classes_.dtype)

    def predict_proba(self, X: Iterable[str]) -> np.ndarray:
        """Returns the probabilities of each text, float64[texts, num_classes]."""
        return self.probabilities(X)

    def __sklearn_clone__(self) -> TextClassifier:
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True
