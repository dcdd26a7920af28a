"""The one rule from logits to probabilities and labels: softmax, temperature, threshold.

numpy only: training, evaluation, every artifact and the server share it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Decision:
    """Turns logits into probabilities and labels.

    Args:
        labels: names of the classes, in the order of the logits.
        temperature: float > 0, divides the logits before the softmax.
        threshold: float in (0, 1) on the probability of `labels[1]`, for two classes only; `None`
            takes the most probable label.
    """

    labels: Sequence[str]
    temperature: float = 1.0
    threshold: float | None = None

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Returns float64[batch, num_classes] for logits of that shape; each row sums to 1."""
        scaled = np.asarray(logits, "float64") / self.temperature
        powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
        return powers / powers.sum(axis=-1, keepdims=True)

    def choose(self, probabilities: np.ndarray) -> np.ndarray:
        """Returns int64[batch], the position of each row's label in `labels`."""
        if self.threshold is None:
            return probabilities.argmax(axis=-1)
        return (probabilities[:, 1] >= self.threshold).astype("int64")

    def correct(self, logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Returns bool[batch], whether each row of logits gets its label."""
        return self.choose(self.probabilities(logits)) == labels

    def results(self, logits: np.ndarray) -> list[dict[str, Any]]:
        """Returns a `{"label", "probability", "probabilities"}` for each row of logits, in order."""
        probabilities = self.probabilities(logits)
        return [
            {
                "label": self.labels[chosen],
                "probability": float(row[chosen]),
                "probabilities": {name: float(p) for name, p in zip(self.labels, row, strict=True)},
            }
            for row, chosen in zip(probabilities, self.choose(probabilities), strict=True)
        ]
