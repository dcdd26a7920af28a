"""`baseline.npz`: what a trained model has to beat, the majority label and a linear model on TF-IDF."""

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
MAX_TOKENS = 8_000_000  # of all texts together: some two gigabytes of pairs while they are counted
MAX_FEATURES = 100_000
MAX_WEIGHTS = 10_000_000  # of all labels together: 20 MB
_LEAST_WITH_PAIRS = 50_000  # features; where there is room for fewer, words alone are worth more
# Chinese characters and Japanese letters stand alone, since no spaces part words there.
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
    """The labels of the texts that trained a run, and a logistic regression on TF-IDF that they trained too.

    Words, marks and pairs of neighbours are counted, on a logarithmic scale; scikit-learn's TfidfVectorizer
    and LogisticRegression do the rest. What is kept are plain numbers and words.

    Args:
        counts: int64[num_classes], how many of the texts that train the run have each label.
        trained_on: how many of these trained the logistic regression.
        vocabulary: the words and pairs.
        idf: float32[features], inverse document frequencies.
        coefficients: float16[rows, features]; a row a label, or one for the second of two.
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
        """The label that most of the texts that train have; of equals the first."""
        return int(self.counts.argmax())

    def score(
        self, texts: Iterable[str], labels: npt.NDArray[np.integer[Any]]
    ) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
        """Returns which texts the logistic regression labels rightly, and its cross-entropy on each.

        Args:
            texts: cleaned ones.
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
        """Writes a file that is there whole or not at all.

        Raises:
            InputError: it can't be written.
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
        """Returns what was written.

        Args:
            num_classes: of the run.
            fix: what a message tells to do.

        Raises:
            InputError: it can't be read, or holds something else.
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
                raise InputError(f"{name} holds what is no finite number")
        if len(set(self.vocabulary)) < features:
            raise InputError("a word is there twice")
        if self.counts.min() < 0 or not 0 < self.trained_on <= self.counts.sum():
            raise InputError("the numbers of texts don't fit")


def fit_baseline(corpus: Corpus, config: RunConfig) -> Baseline:
    """Returns the baselines of a run, fitted on the train texts that its model is trained on.

    The logistic regression reads at most `MAX_TEXTS` of them, a stratified draw, and fewer where they are
    long; those of unlabelled texts and their soft labels it does not.

    Args:
        config: of the run.
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
        warnings.simplefilter("ignore", ConvergenceWarning)  # nothing more is to be gained after so many
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
