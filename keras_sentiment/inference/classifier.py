"""From texts to labels: the one path that runs, artifacts and the server share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import numpy as np
from tqdm import tqdm

from keras_sentiment.config import InputConfig
from keras_sentiment.data.chunks import in_chunks
from keras_sentiment.data.padding import (
    Ids,
    Rows,
    bucket_batches,
    bucket_lengths,
    padded_rows,
    row_lengths,
    scoring_rows,
    window_slices,
)
from keras_sentiment.decision import Decision
from keras_sentiment.errors import InputError, first_line
from keras_sentiment.inference.artifact import MANIFEST_FILE, Artifact
from keras_sentiment.inference.engines import Engine, open_engine
from keras_sentiment.text.cleaning import clean
from keras_sentiment.text.tokenizer import Tokenizer


class EncodedTexts(Protocol):
    """Token ids of texts, int[tokens] each, whole and without special tokens."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Ids: ...


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

    def encode(self, texts: Sequence[str]) -> list[Ids]:
        """Returns the ids of each text, int32[tokens], cleaned, whole and without special tokens."""
        return [ids for chunk in in_chunks(texts) for ids in self.tokenizer.encode([*map(clean, chunk)])]

    def logits(self, encoded: EncodedTexts, quiet: bool = True) -> np.ndarray:
        """Returns float32[texts, num_classes] for encoded texts, in their order.

        They are scored by length, so that little is padded.

        Args:
            encoded: a `Split`, or what `encode` returns.
        """
        parts = [(text, part) for text in range(len(encoded)) for part in self._slices(len(encoded[text]))]
        texts = np.array([text for text, _ in parts], np.int64)
        lengths = np.array([part.stop - part.start for _, part in parts], np.int64)
        buckets = bucket_lengths(self.inputs, few=self.engine.compiles)
        plan = bucket_batches(row_lengths(lengths, self.inputs), buckets, scoring_rows)
        logits = np.zeros((len(encoded), len(self.labels)), "float32")
        with tqdm(total=len(parts), desc="scoring", unit=" rows", disable=quiet or None) as bar:
            for batch, length in plan:
                ids = [encoded[text][part] for text, part in map(parts.__getitem__, batch)]
                rows = padded_rows(ids, length, self.tokenizer, self.inputs)
                if self.engine.compiles:
                    rows = _filled(rows)
                np.add.at(logits, texts[batch], self.engine(rows)[: len(batch)])
                bar.update(len(batch))
        return logits / np.bincount(texts, minlength=len(encoded))[:, None].astype("float32")

    def _slices(self, tokens: int) -> list[slice]:
        return window_slices(tokens, self.inputs) if self.windows else [slice(0, tokens)]

    def predict(self, texts: Iterable[str], quiet: bool = True) -> list[dict[str, Any]]:
        """Labels each text, in order.

        Returns:
            `{"label", "probability", "probabilities": {label: probability}, "truncated"}` for each text;
            `truncated` says whether it was too long to be read whole.

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
        encoded = self.encode(texts)
        most = np.inf if self.windows else self.inputs.sequence_length - 2
        results = self.decision.results(self.logits(encoded, quiet))
        return [
            {**result, "truncated": len(ids) > most} for result, ids in zip(results, encoded, strict=True)
        ]


def _filled(rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Repeats the last row up to a power of two, or to a full batch.

    Each number of rows costs a compilation.
    """
    count, length = rows["token_ids"].shape
    missing = min(1 << (count - 1).bit_length(), scoring_rows(length)) - count
    return {name: np.pad(value, ((0, missing), (0, 0)), "edge") for name, value in rows.items()}


def check_logits(score: Callable[[Rows], Any], row_length: int, vocabulary_size: int, classes: int) -> None:
    """Checks that a model takes the longest row with the largest id, and gives each class a logit.

    Args:
        score: maps `{"token_ids", "padding_mask"}`, int32[batch, length], to logits.

    Raises:
        InputError: it does not.
    """
    rows = {
        "token_ids": np.full((1, row_length), vocabulary_size - 1, np.int32),
        "padding_mask": np.ones((1, row_length), np.int32),
    }
    try:
        logits = np.asarray(score(rows), np.float32)
    except Exception as error:  # each backend and runtime raises errors of its own
        reason = (
            f"it takes no row of {row_length} tokens with ids below {vocabulary_size}: {first_line(error)}"
        )
        raise InputError(reason) from error
    if logits.shape != (1, classes) or not np.isfinite(logits).all():
        raise InputError(f"it gives no {classes} finite logits")
