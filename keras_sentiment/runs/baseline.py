"""`baseline.npz`: the baselines of a trained model, the majority label and a linear model on TF-IDF."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_sentiment.data.chunks import in_chunks
from keras_sentiment.data.corpus import Corpus
from keras_sentiment.data.encoded_split import Split
from keras_sentiment.errors import InputError
from keras_sentiment.runs.config import RunConfig
from keras_sentiment.storage.array_archive import read_archive, write_archive

MAX_TEXTS = 20_000
MAX_TOKENS = 8_000_000  # of all texts together: counting their pairs takes about 2 GB of memory
MAX_FEATURES = 100_000
MAX_WEIGHTS = 10_000_000  # of all labels together: 20 MB on disk
_LEAST_WITH_PAIRS = 50_000  # features; with fewer, words without pairs give a better baseline
# Each Chinese or Japanese character is a word, since no spaces separate words there.
_ALONE = r"\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_TOKEN = rf"[{_ALONE}]|[^\W{_ALONE}]+|[^\w\s]"
_C = 10.0
_EPOCHS, _TOLERANCE = 20, 1e-2
_KINDS: dict[str, tuple[npt.DTypeLike, int]] = {
    "counts": ("<i8", 1),
    "trained_on": ("<i8", 0),
    "vocabulary": ("|u1", 1),
    "idf": ("<f4", 1),
    "coefficients": ("<f2", 2),
    "intercepts": ("<f4", 1),
}


@dataclass(frozen=True, eq=False)
class Baseline:
    """The label counts of the texts that trained a run, and a logistic regression on TF-IDF of these texts.

    Words, punctuation and pairs of neighbouring words are counted on a logarithmic scale by scikit-learn's
    TfidfVectorizer; LogisticRegression is fitted on them. The file holds plain numbers and words.

    Args:
        counts: int64[num_classes], how many train texts have each label.
        trained_on: how many of them trained the logistic regression.
        vocabulary: the words and pairs.
        idf: float32[features], inverse document frequencies.
        coefficients: float16[rows, features]; one row for each label, or a single row for the second of two.
        intercepts: float32[rows].

    Example:
        >>> baseline = run.baseline()
        >>> right, loss = baseline.score(["a good film", "a bad film"], np.array([1, 0]))
        >>> right.shape, loss.shape
        ((2,), (2,))
    """

    counts: npt.NDArray[np.int64]
    trained_on: int
    vocabulary: tuple[str, ...]
    idf: npt.NDArray[np.float32]
    coefficients: npt.NDArray[np.float16]
    intercepts: npt.NDArray[np.float32]

    @property
    def majority(self) -> int:
        """The most frequent label of the train texts; the first one if several are equally frequent."""
        return int(self.counts.argmax())

    def score(
        self, texts: Iterable[str], labels: npt.NDArray[np.integer[Any]]
    ) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
        """Returns which texts the logistic regression labels correctly, and its cross-entropy on each.

        Args:
            texts: cleaned texts.
            labels: int[texts].

        Returns:
            bool[texts] and float64[texts], in nats.
        """
        from scipy.special import log_softmax

        pairs = any(" " in words for words in self.vocabulary)
        vectorizer = _vectorizer(len(self.vocabulary), pairs, self.vocabulary)
        vectorizer.idf_ = self.idf
        weights, rows = self.coefficients.astype(np.float32).T, len(self.intercepts)
        right, losses, done = [np.zeros(0, np.bool_)], [np.zeros(0)], 0
        for chunk in in_chunks(texts):
            logits = (vectorizer.transform(chunk) @ weights + self.intercepts).astype(np.float64)
            if rows == 1:
                logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
            of_chunk = np.asarray(labels[done : done + len(chunk)])
            right.append(logits.argmax(axis=1) == of_chunk)
            losses.append(-log_softmax(logits, axis=1)[np.arange(len(chunk)), of_chunk])
            done += len(chunk)
        return np.concatenate(right), np.concatenate(losses)

    def write(self, path: Path) -> None:
        """Writes the file, completely or not at all.

        Raises:
            InputError: the file can't be written.
        """
        words = np.frombuffer("\n".join(self.vocabulary).encode("utf-8", "surrogatepass"), np.uint8)
        arrays = {
            "counts": self.counts,
            "trained_on": np.array(self.trained_on),
            "vocabulary": words,
            "idf": self.idf,
            "coefficients": self.coefficients,
            "intercepts": self.intercepts,
        }
        plain = {name: np.asarray(arrays[name], dtype, order="C") for name, (dtype, _) in _KINDS.items()}
        write_archive(path, plain)

    @classmethod
    def read(cls, path: Path, num_classes: int, fix: str) -> Baseline:
        """Returns the baselines that `write` wrote.

        Args:
            num_classes: number of labels of the run.
            fix: what the message of an error advises.

        Raises:
            InputError: the file can't be read, or holds something else.
        """
        try:
            found = read_archive(path, _KINDS)
            vocabulary = tuple(found.pop("vocabulary").tobytes().decode("utf-8", "surrogatepass").split("\n"))
            baseline = cls(vocabulary=vocabulary, trained_on=int(found.pop("trained_on")), **found)
            baseline._check(num_classes)
        except (InputError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: the baselines can't be read ({error}); {fix}") from None
        return baseline

    def _check(self, num_classes: int) -> None:
        rows, features = 1 if num_classes == 2 else num_classes, len(self.vocabulary)
        shapes = {"counts": (num_classes,), "idf": (features,), "coefficients": (rows, features)}
        for name, shape in {**shapes, "intercepts": (rows,)}.items():
            array = getattr(self, name)
            if array.shape != shape:
                raise InputError(f"{name} has the shape {array.shape}, not {shape}")
            if not np.isfinite(array).all():
                raise InputError(f"{name} holds a number that is not finite")
        if len(set(self.vocabulary)) < features:
            raise InputError("a word occurs twice")
        if self.counts.min() < 0 or not 0 < self.trained_on <= self.counts.sum():
            raise InputError("the numbers of texts contradict each other")


def fit_baseline(corpus: Corpus, config: RunConfig) -> Baseline:
    """Fits the baselines of a run on its train texts.

    The logistic regression reads a stratified draw of at most `MAX_TEXTS` of them, fewer where they are long.
    It reads no unlabelled texts.

    Args:
        config: the configuration of the run.
    """
    seed, num_classes = config.recipe.training.seed, len(corpus.labels)
    train = corpus.splits["train"].subsample(config.trained_reviews, seed)
    counts = np.bincount(train.labels, minlength=num_classes)
    texts = MAX_TOKENS * len(train) // max(1, len(train.ids))
    drawn = train.subsample(max(num_classes, min(MAX_TEXTS, texts)), seed)
    return _fitted(drawn, counts, min(MAX_FEATURES, MAX_WEIGHTS // num_classes))


def _fitted(train: Split, counts: npt.NDArray[np.int64], features: int) -> Baseline:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    vectorizer = _vectorizer(features, pairs=features >= _LEAST_WITH_PAIRS)
    matrix = vectorizer.fit_transform(train.texts())
    model = LogisticRegression(C=_C, solver="saga", max_iter=_EPOCHS, tol=_TOLERANCE, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # further epochs improve nothing
        model.fit(matrix, np.asarray(train.labels))
    return Baseline(
        counts,
        len(train),
        tuple(vectorizer.get_feature_names_out().tolist()),
        vectorizer.idf_.astype(np.float32),
        model.coef_.astype(np.float16),
        model.intercept_.astype(np.float32),
    )


def _vectorizer(features: int, pairs: bool, vocabulary: tuple[str, ...] | None = None) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(
        vocabulary=vocabulary,
        token_pattern=_TOKEN,
        ngram_range=(1, 2 if pairs else 1),
        max_features=features,
        sublinear_tf=True,
        dtype=np.float32,
    )
