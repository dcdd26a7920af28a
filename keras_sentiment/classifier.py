"""From texts to labels: the one path that bundles, artifacts and the server share."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from keras_sentiment.artifact import Artifact, is_artifact, open_artifact
from keras_sentiment.bundle import Run, open_bundle
from keras_sentiment.config import SCORING_BATCH_TOKENS, InputConfig, InputError
from keras_sentiment.corpus import Split
from keras_sentiment.decision import Decision
from keras_sentiment.engines import Engine, KerasEngine, open_engine
from keras_sentiment.rows import bucket_lengths, compose, padded_rows, row_lengths
from keras_sentiment.tokenizer import Tokenizer


class Classifier:
    """Labels texts: cleaning, tokenizer, cutting, model, temperature, threshold.

    Args:
        tokenizer: the model's.
        inputs: how ids become rows.
        decision: from logits to labels.
        engine: from rows to logits, a Keras model or a graph in a runtime of its own.
    """

    def __init__(self, tokenizer: Tokenizer, inputs: InputConfig, decision: Decision, engine: Engine) -> None:
        self.tokenizer, self.inputs, self.decision, self.engine = tokenizer, inputs, decision, engine

    @classmethod
    def of_bundle(cls, run: Run, model: Any) -> Classifier:
        """Returns the classifier of a bundle with its Keras model, in any precision."""
        return cls(run.tokenizer(), run.config.recipe.inputs, run.decision, KerasEngine(model))

    @classmethod
    def of_artifact(cls, artifact: Artifact) -> Classifier:
        """Returns the classifier of an artifact, whose runtime is installed."""
        return cls(artifact.tokenizer(), artifact.inputs, artifact.decision, open_engine(artifact))

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.decision.labels)

    def logits(self, split: Split, quiet: bool = True) -> np.ndarray:
        """Returns float32[reviews, num_classes] for encoded reviews, in their order.

        They are scored by length, so that little is padded.
        """
        buckets = bucket_lengths(self.inputs, few=self.engine.compiles)
        plan = compose(row_lengths(split.lengths, self.inputs), buckets, SCORING_BATCH_TOKENS)
        logits = np.empty((len(split), len(self.labels)), "float32")
        with tqdm(total=len(split), desc="scoring", unit=" reviews", disable=quiet or None) as bar:
            for texts, length in plan:
                rows = padded_rows(
                    [split.ids_of(text) for text in texts], length, self.tokenizer, self.inputs
                )
                if self.engine.compiles:
                    rows = _filled(rows)
                logits[texts] = self.engine(rows)[: len(texts)]
                bar.update(len(texts))
        return logits

    def predict(self, texts: Iterable[str], quiet: bool = True) -> list[dict[str, Any]]:
        """Labels each text, in order.

        Returns:
            `{"label", "probability", "probabilities": {label: probability}, "cut"}` for each text;
            `cut` says whether it was too long to be read whole.

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
        split = Split.from_texts(texts, self.tokenizer)
        cut = split.lengths + 2 > self.inputs.sequence_length
        results = self.decision.results(self.logits(split, quiet))
        return [{**result, "cut": bool(was)} for result, was in zip(results, cut, strict=True)]


def _filled(rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Repeats the last row up to a power of two, or to a full batch.

    Each number of rows costs a compilation.
    """
    count, length = rows["token_ids"].shape
    full = max(1, SCORING_BATCH_TOKENS // length)
    missing = min(1 << (count - 1).bit_length(), full) - count
    return {name: np.pad(value, ((0, missing), (0, 0)), "edge") for name, value in rows.items()}


def load(path: str | Path, precision: str = "float32") -> Classifier:
    """Opens a bundle (a RUN_DIR whose training has ended) on the current Keras backend, or an artifact.

    Args:
        precision: of a bundle's Keras model: `"float32"`, `"mixed_float16"`, `"mixed_bfloat16"`, or
            `"auto"` for what is fast here. An artifact has the precision that it was exported with.

    Raises:
        InputError: there is neither at `path`, or one that can't be read, or its runtime is missing.
    """
    if is_artifact(path):
        if precision != "float32":
            raise InputError(f"{path}: an artifact has its own precision. Received: precision={precision!r}")
        return Classifier.of_artifact(open_artifact(path))
    run = open_bundle(path)
    from keras_sentiment.precision import resolve_precision

    return Classifier.of_bundle(run, run.load_model(resolve_precision(precision)))
