"""From texts to labels, in the same way for runs, artifacts and the server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

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
from keras_sentiment.escaping import printable
from keras_sentiment.inference.artifact import MANIFEST_FILE, Artifact
from keras_sentiment.inference.engines import Engine, KerasEngine, open_engine
from keras_sentiment.inference.occlusion import Explanation, spans, unread_span, without, word_contributions
from keras_sentiment.progress import Progress
from keras_sentiment.text.cleaning import clean
from keras_sentiment.text.tokenizer import Tokenizer


class EncodedTexts(Protocol):
    """Token ids of texts, int[tokens] each, not cut and without special tokens."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Ids: ...


class Classifier:
    """Labels texts: cleaning, tokenizer, truncation, model, temperature, threshold. `load` opens one.

    Args:
        tokenizer: of the model.
        inputs: how token ids are made into rows.
        decision: from logits to labels.
        engine: from rows to logits, a Keras model or an exported graph.
        windows: bool, what happens to a text that is too long for a row. False: it is cut. True: it is read
            in rows that overlap by half, and their logits are averaged.

    Example:
        >>> classifier = load("runs/films")
        >>> classifier.labels
        ('negative', 'positive')
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
        self._embedder: KerasEngine | None = None

    @classmethod
    def of_artifact(cls, artifact: Artifact, windows: bool = False) -> Classifier:
        """Returns the classifier of an artifact.

        Raises:
            InputError: its runtime is not installed, or its graph can't be read or does not fit its manifest.
        """
        engine, tokenizer = open_engine(artifact), artifact.tokenizer()
        try:
            row_length = artifact.inputs.row_length
            check_logits(engine, row_length, tokenizer.vocabulary_size, len(artifact.labels))
        except InputError as error:
            raise InputError(
                f"{artifact.graph}: the graph does not fit {MANIFEST_FILE} ({error}); export the model again"
            ) from error
        return cls(tokenizer, artifact.inputs, artifact.decision, engine, windows)

    def __repr__(self) -> str:
        windows = ", longer ones in windows" if self.windows else ""
        length = self.inputs.sequence_length
        return printable(f"<Classifier of {', '.join(self.labels)}: texts of up to {length} tokens{windows}>")

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.decision.labels)

    def encode(self, texts: Iterable[str]) -> list[Ids]:
        """Returns the token ids of each cleaned text, int32[tokens], not cut and without special tokens.

        Raises:
            TypeError: as in `predict`.
        """
        return [
            ids for chunk in in_chunks(_as_list(texts)) for ids in self.tokenizer.encode([*map(clean, chunk)])
        ]

    def logits(self, encoded: EncodedTexts, quiet: bool = True) -> np.ndarray:
        """Returns the logits, float32[texts, num_classes], of encoded texts, in their order.

        Texts of similar length are scored together, so that there is little padding.

        Args:
            encoded: one of `corpus.splits`, or what `encode` returns.

        Raises:
            TypeError: `encoded` is something else, such as texts.
        """
        if isinstance(encoded, str) or (len(encoded) and not isinstance(encoded[0], np.ndarray)):
            raise TypeError("logits takes what encode returns: give classifier.encode(texts)")
        return self._mean_rows(encoded, self.engine, len(self.labels), quiet)

    def predict(self, texts: Iterable[str], quiet: bool = True) -> list[dict[str, Any]]:
        """Returns the label and the probabilities of each text, in order.

        Args:
            texts: strings, in any iterable except a dict, a set or a table.

        Returns:
            `{"label", "probability", "probabilities": {label: probability}, "truncated"}` for each text.
            `truncated` says whether the text was cut because it is too long.

        Raises:
            TypeError: `texts` is one string, a dict, a set or a table, or has elements that are not strings.

        Example:
            >>> [result["label"] for result in classifier.predict(["good film", "bad film"])]
            ['positive', 'negative']
        """
        encoded = self.encode(texts)
        if not encoded:
            return []
        most = np.inf if self.windows else self.inputs.sequence_length - 2
        results = self.decision.results(self.logits(encoded, quiet))
        return [
            {**result, "truncated": len(ids) > most} for result, ids in zip(results, encoded, strict=True)
        ]

    def probabilities(self, texts: Iterable[str], quiet: bool = True) -> npt.NDArray[np.float64]:
        """Returns the probability of each of `labels`, float64[texts, num_classes]; each row sums to 1.

        Args and Raises: as in `predict`.

        Example:
            >>> classifier.probabilities(["good film", "bad film"]).shape
            (2, 2)
        """
        return self.decision.probabilities(self.logits(self.encode(texts), quiet))

    def embed(self, texts: Iterable[str], quiet: bool = True) -> npt.NDArray[np.float32]:
        """Returns the vector of each text before the output layer of the model, float32[texts, dim].

        The linear model of n-grams is not part of it. The vector of a text in windows is the mean over them.

        Raises:
            InputError: the model is an artifact, whose graph returns logits only.
            TypeError: as in `predict`.

        Example:
            >>> classifier.embed(["good film", "bad film"]).dtype
            dtype('float32')
        """
        if not isinstance(self.engine, KerasEngine):
            raise InputError("an artifact has no text vectors; load the run that it was exported from")
        from keras_sentiment.models.pooled import pooled_model

        if self._embedder is None:
            self._embedder = KerasEngine(pooled_model(self.engine.model))
        width = self._embedder.model.output.shape[-1]
        return self._mean_rows(self.encode(texts), self._embedder, width, quiet)

    def as_estimator(self) -> Any:
        """Returns a fitted scikit-learn classifier, which `fit` and `clone` do not change.

        Cross-validation therefore measures this model: leave out the texts that it was trained on. Its labels
        are the names in `labels`, also if the data had 0 and 1.

        `predict` returns str[texts], and `predict_proba` float64[texts, num_classes] in the order of
        `classes_`.

        Example:
            >>> estimator = classifier.as_estimator()
            >>> estimator.predict(["good film", "bad film"]).tolist()
            ['positive', 'negative']
            >>> estimator.score(["good film", "bad film"], ["positive", "negative"])
            1.0
        """
        from keras_sentiment.inference.estimator import TextClassifier

        return TextClassifier(self.predict, self.probabilities, self.labels)

    def explain(self, text: str) -> Explanation:
        """Returns which words of a text its label depends on: each is left out in turn.

        Returns:
            The result of `predict`, and two keys more. `words` holds `{"text", "start", "end",
            "contribution"}` for each word that the model reads, or for runs of words where there are more
            than 64. `unread` is `{"start", "end"}` of the part that is cut, or None. Places are counted in
            characters. A contribution is how much the log-odds of the label fall when the words are left
            out: above 0 the words are for the label, below 0 against it.

        Raises:
            TypeError: the text is no string.

        Example:
            >>> [word["text"] for word in classifier.explain("good film")["words"]]
            ['good', 'film']
        """
        if not isinstance(text, str):
            raise TypeError(f"explain takes one text. Received: a {type(text).__name__}")
        unread = None if self.windows else unread_span(text, self.tokenizer, self.inputs)
        parts = spans(text, unread)
        return word_contributions(text, parts, self.predict([text, *without(text, parts)]), unread)

    def _slices(self, tokens: int) -> list[slice]:
        return window_slices(tokens, self.inputs) if self.windows else [slice(0, tokens)]

    def _mean_rows(self, encoded: EncodedTexts, engine: Engine, width: int, quiet: bool) -> np.ndarray:
        """Returns the mean of an engine's results over the rows of each text, float32[texts, width]."""
        parts = [(text, part) for text in range(len(encoded)) for part in self._slices(len(encoded[text]))]
        texts = np.array([text for text, _ in parts], np.int64)
        lengths = np.array([part.stop - part.start for _, part in parts], np.int64)
        buckets = bucket_lengths(self.inputs, few=engine.compiles)
        found = np.zeros((len(encoded), width), "float32")
        with Progress("Scoring", len(parts), "rows", quiet=quiet) as progress:
            for batch, length in bucket_batches(row_lengths(lengths, self.inputs), buckets, scoring_rows):
                ids = [encoded[text][part] for text, part in map(parts.__getitem__, batch)]
                rows = padded_rows(ids, length, self.tokenizer, self.inputs)
                if engine.compiles:
                    rows = _filled(rows)
                np.add.at(found, texts[batch], engine(rows)[: len(batch)])
                progress.update(len(batch))
        return found / np.bincount(texts, minlength=len(encoded))[:, None].astype("float32")


def _as_list(texts: Iterable[str]) -> list[str]:
    """Returns the texts of a list, a series, an array or a generator; refuses what has no order."""
    kind = type(texts).__name__
    if isinstance(texts, str):
        raise TypeError(f"texts must be a list of strings: give [text]. Received: {texts!r:.100}")
    if isinstance(texts, Mapping):
        raise TypeError(f"texts must be a list of strings: give list(texts.values()). Received: a {kind}")
    if isinstance(texts, Set):
        raise TypeError(f"texts must have an order: give a list of strings. Received: a {kind}")
    if hasattr(texts, "columns"):  # iterating over a table gives the names of its columns
        names = ", ".join(map(str, texts.columns))
        raise TypeError(f"texts must be one column, as in texts['text']. Received: a {kind} of {names}")
    found = list(texts)
    if wrong := [text for text in found if not isinstance(text, str)]:
        raise TypeError(f"texts must be a list of strings. Received: {wrong[0]!r:.100} in it")
    return found


def _filled(rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Repeats the last row up to a power of two, or to a full batch, since each size is compiled once."""
    count, length = rows["token_ids"].shape
    missing = min(1 << (count - 1).bit_length(), scoring_rows(length)) - count
    return {name: np.pad(value, ((0, missing), (0, 0)), "edge") for name, value in rows.items()}


def check_logits(score: Callable[[Rows], Any], row_length: int, vocabulary_size: int, classes: int) -> None:
    """Checks that a model accepts the longest row with the largest id, and returns a logit for each class.

    Args:
        score: maps `{"token_ids", "padding_mask"}`, int32[batch, length], to logits.

    Raises:
        InputError: the model does not.
    """
    rows = {
        "token_ids": np.full((1, row_length), vocabulary_size - 1, np.int32),
        "padding_mask": np.ones((1, row_length), np.int32),
    }
    try:
        logits = np.asarray(score(rows), np.float32)
    except Exception as error:  # each backend and runtime raises its own errors
        reason = f"a row of {row_length} tokens with ids below {vocabulary_size} fails: {first_line(error)}"
        raise InputError(reason) from error
    if logits.shape != (1, classes) or not np.isfinite(logits).all():
        raise InputError(f"it does not return {classes} finite logits")
