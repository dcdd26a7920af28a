"""The one rule from logits to probabilities and labels: softmax, temperature, threshold, class weights.

numpy only: training, evaluation, every artifact and the server share it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_LISTED = 10  # class weights in a sentence


@dataclass(frozen=True)
class Decision:
    """Turns logits into probabilities and labels.

    Args:
        labels: names of the classes, in the order of the logits.
        temperature: float > 0, divides the logits before the softmax.
        threshold: float in (0, 1) on the probability of `labels[1]`, for two classes only; `None`
            takes the most probable label.
        class_weight: float > 0 for each label: the label with the largest weight times probability is taken.
            `None` stands for equal weights. A threshold excludes it.
    """

    labels: Sequence[str]
    temperature: float = 1.0
    threshold: float | None = None
    class_weight: Sequence[float] | None = None

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Returns float64[batch, num_classes] for logits of that shape; each row sums to 1."""
        scaled = np.asarray(logits, "float64") / self.temperature
        powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
        return powers / powers.sum(axis=-1, keepdims=True)

    def choose(self, probabilities: np.ndarray) -> np.ndarray:
        """Returns int64[batch], the position of each row's label in `labels`."""
        if self.threshold is not None:
            return (probabilities[:, 1] >= self.threshold).astype("int64")
        weights = 1.0 if self.class_weight is None else np.asarray(self.class_weight, "float64")
        return (weights * probabilities).argmax(axis=-1)

    def rule(self) -> str:
        """Returns how a label is chosen, as a clause to read."""
        if self.threshold is not None:
            return (
                f"the label is {self.labels[1]} where its probability is {self.threshold:.6g} or more, "
                f"else {self.labels[0]}"
            )
        if self.class_weight is None:
            return "the label is the most probable one"
        pairs = sorted(zip(self.class_weight, self.labels, strict=True), reverse=True)
        listed = ", ".join(f"{label} {weight:.6g}" for weight, label in pairs[:_LISTED])
        more = f", and {len(pairs) - _LISTED} more labels" if pairs[_LISTED:] else ""
        return f"the label is the one with the largest class weight times probability ({listed}{more})"

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
