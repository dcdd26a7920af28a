"""A trained model that takes texts: a bundle with its model loaded."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from tqdm import tqdm

from keras_sentiment.batches import ReviewBatches
from keras_sentiment.bundle import Run, open_bundle
from keras_sentiment.config import SCORING_BATCH_TOKENS
from keras_sentiment.corpus import Split
from keras_sentiment.precision import resolve_precision


class Classifier:
    """Labels texts as its bundle says: cleaning, tokenizer, cutting, model, temperature, threshold.

    Args:
        run: the bundle.
        model: its Keras model, in any precision.
    """

    def __init__(self, run: Run, model: keras.Model) -> None:
        self.run, self.model = run, model
        self.tokenizer = run.tokenizer()

    @property
    def labels(self) -> tuple[str, ...]:
        return self.run.config.labels

    def logits(self, split: Split, quiet: bool = True) -> np.ndarray:
        """Returns float32[reviews, num_classes] for encoded reviews, in their order.

        They are scored by length, so that little is padded.
        """
        batches = ReviewBatches(split, self.tokenizer, self.run.config.recipe.inputs, SCORING_BATCH_TOKENS)
        logits = np.empty((len(split), len(self.labels)), "float32")
        with tqdm(total=len(split), desc="scoring", unit=" reviews", disable=quiet or None) as bar:
            for rows, inputs in batches.for_scoring():
                logits[rows] = self.model.predict_on_batch(_filled(inputs))[: len(rows)]
                bar.update(len(rows))
        return logits

    def predict(self, texts: Iterable[str], quiet: bool = True) -> list[dict[str, Any]]:
        """Returns `{"label", "probability", "probabilities": {label: probability}}` for each text, in order.

        Raises:
            TypeError: `texts` is one string, or holds something else than strings.
        """
        if isinstance(texts, str):
            raise TypeError(f"texts must be a list of strings. Received: texts={texts!r:.100}")
        texts = list(texts)
        if wrong := [text for text in texts if not isinstance(text, str)]:
            raise TypeError(f"texts must be a list of strings. Received: {wrong[0]!r:.100} in it")
        if not texts:
            return []
        return self.run.decision.results(self.logits(Split.from_texts(texts, self.tokenizer), quiet))


def _filled(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Repeats the last row up to a power of two, or to a full batch.

    Each number of rows costs jax and tensorflow a compilation.
    """
    rows, length = inputs["token_ids"].shape
    full = max(1, SCORING_BATCH_TOKENS // length)
    missing = min(1 << (rows - 1).bit_length(), full) - rows
    return {name: np.pad(value, ((0, missing), (0, 0)), "edge") for name, value in inputs.items()}


def load(path: str | Path, precision: str = "float32") -> Classifier:
    """Opens a bundle (a RUN_DIR whose training has ended) on the current Keras backend.

    Args:
        precision: `"float32"`, `"mixed_float16"`, `"mixed_bfloat16"`, or `"auto"` for what is fast here.

    Raises:
        InputError: there is no bundle at `path`, or one that can't be read.
    """
    run = open_bundle(path)
    return Classifier(run, run.load_model(resolve_precision(precision)))
