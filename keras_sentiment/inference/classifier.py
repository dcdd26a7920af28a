"""From texts to labels: the one path that bundles, artifacts and the server share."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from keras_sentiment.config import InputConfig
from keras_sentiment.data.encoded_split import Split
from keras_sentiment.data.padding import (
    bucket_lengths,
    compose,
    padded_rows,
    row_lengths,
    scoring_rows,
    windows,
)
from keras_sentiment.decision import Decision
from keras_sentiment.errors import InputError
from keras_sentiment.inference.artifact import MANIFEST_FILE, Artifact, is_artifact, open_artifact
from keras_sentiment.inference.engines import Engine, KerasEngine, open_engine
from keras_sentiment.models.model_file import check_logits
from keras_sentiment.runs.run import Run, open_bundle
from keras_sentiment.text.tokenizer import Tokenizer


class Classifier:
    """Labels texts: cleaning, tokenizer, cutting, model, temperature, threshold.

    Args:
        tokenizer: the model's.
        inputs: how ids become rows.
        decision: from logits to labels.
        engine: from rows to logits, a Keras model or a graph in a runtime of its own.
        windows: whether a text that is too long for a row is read whole, in rows that overlap by half, and
            its logits averaged, instead of cut.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        inputs: InputConfig,
        decision: Decision,
        engine: Engine,
        windows: bool = False,
    ) -> None:
        self.tokenizer, self.inputs, self.decision, self.engine = tokenizer, inputs, decision, engine
        self.windows = windows

    @classmethod
    def of_bundle(cls, run: Run, model: Any, windows: bool = False) -> Classifier:
        """Returns the classifier of a bundle with its Keras model, in any precision."""
        return cls(run.tokenizer(), run.config.recipe.inputs, run.decision, KerasEngine(model), windows)

    @classmethod
    def of_artifact(cls, artifact: Artifact, windows: bool = False) -> Classifier:
        """Returns the classifier of an artifact, whose runtime is installed.

        Raises:
            InputError: its graph can't be read, or is not the one of its manifest.
        """
        engine, tokenizer = open_engine(artifact), artifact.tokenizer()
        try:
            row_length = artifact.inputs.row_length
            check_logits(engine, row_length, tokenizer.vocabulary_size, len(artifact.labels))
        except InputError as error:
            raise InputError(
                f"{artifact.graph}: it is not the graph of {MANIFEST_FILE} ({error}); export it again"
            ) from error
        return cls(tokenizer, artifact.inputs, artifact.decision, engine, windows)

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.decision.labels)

    def logits(self, split: Split, quiet: bool = True) -> np.ndarray:
        """Returns float32[reviews, num_classes] for encoded reviews, in their order.

        They are scored by length, so that little is padded.
        """
        parts = [
            (text, part)
            for text, tokens in enumerate(split.lengths.tolist())
            for part in (windows(tokens, self.inputs) if self.windows else [slice(0, tokens)])
        ]
        texts = np.array([text for text, _ in parts], np.int64)
        lengths = np.array([part.stop - part.start for _, part in parts], np.int64)
        buckets = bucket_lengths(self.inputs, few=self.engine.compiles)
        plan = compose(row_lengths(lengths, self.inputs), buckets, scoring_rows)
        logits = np.zeros((len(split), len(self.labels)), "float32")
        with tqdm(total=len(parts), desc="scoring", unit=" rows", disable=quiet or None) as bar:
            for batch, length in plan:
                ids = [split.ids_of(text)[part] for text, part in map(parts.__getitem__, batch)]
                rows = padded_rows(ids, length, self.tokenizer, self.inputs)
                if self.engine.compiles:
                    rows = _filled(rows)
                np.add.at(logits, texts[batch], self.engine(rows)[: len(batch)])
                bar.update(len(batch))
        return logits / np.bincount(texts, minlength=len(split))[:, None].astype("float32")

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
        cut = (split.lengths + 2 > self.inputs.sequence_length) & (not self.windows)
        results = self.decision.results(self.logits(split, quiet))
        return [{**result, "cut": bool(was)} for result, was in zip(results, cut, strict=True)]


def _filled(rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Repeats the last row up to a power of two, or to a full batch.

    Each number of rows costs a compilation.
    """
    count, length = rows["token_ids"].shape
    missing = min(1 << (count - 1).bit_length(), scoring_rows(length)) - count
    return {name: np.pad(value, ((0, missing), (0, 0)), "edge") for name, value in rows.items()}


def load(path: str | Path, precision: str = "float32", windows: bool = False) -> Classifier:
    """Opens a bundle (a RUN_DIR whose training has ended) on the current Keras backend, or an artifact.

    Args:
        precision: of a bundle's Keras model: `"float32"`, `"mixed_float16"`, `"mixed_bfloat16"`, or
            `"auto"` for what is fast here. An artifact has the precision that it was exported with.
        windows: whether texts that are too long for a row are read whole, in overlapping windows.

    Raises:
        InputError: there is neither at `path`, or one that can't be read, or its runtime is missing.
    """
    if is_artifact(path):
        if precision != "float32":
            raise InputError(f"{path}: an artifact has its own precision. Received: precision={precision!r}")
        return Classifier.of_artifact(open_artifact(path), windows)
    run = open_bundle(path)
    from keras_sentiment.models.precision import resolve_precision

    return Classifier.of_bundle(run, run.load_model(resolve_precision(precision)), windows)
