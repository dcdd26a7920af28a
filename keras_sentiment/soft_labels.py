"""Soft labels: what trained models say of texts that nobody has labelled, for another model to learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from keras_sentiment.checkpoint import Checkpoint
from keras_sentiment.classifier import Classifier, load
from keras_sentiment.corpus import Corpus
from keras_sentiment.decision import Decision
from keras_sentiment.encoded import Split, together
from keras_sentiment.errors import InputError

_NAME = "soft_labels"
_FILE = f"{_NAME}.npz"


class Teachers:
    """Models whose mean opinion stands for the labels that the unlabelled texts of a corpus lack.

    Self-training (Xie et al. 2020, "Self-training with Noisy Student improves ImageNet classification") where
    the teacher is as large as what learns, distillation (Hinton et al. 2015, "Distilling the Knowledge in a
    Neural Network") where it is larger. The mean is that of their logits, each by its temperature.

    Args:
        paths: bundles or artifacts, at least one; their vocabularies may be others than the corpus's.
        corpus: with texts without labels.

    Raises:
        InputError: it has none, or a teacher can't be read or has other labels.
    """

    def __init__(self, paths: Sequence[str], corpus: Corpus) -> None:
        if corpus.unlabelled is None:
            raise InputError(
                f"{corpus.path}: it holds no texts without labels for a teacher to label; prepare it again "
                "with --unlabelled, or leave out --teacher"
            )
        self._texts: Split = corpus.unlabelled
        self._tokenizer_sha256 = corpus.info["tokenizer"]["sha256"]
        self._labels = tuple(corpus.labels)
        self._classifiers = [self._open(path) for path in paths]

    def _open(self, path: str) -> Classifier:
        classifier = load(path)
        if classifier.labels != self._labels:
            raise InputError(
                f"{path}: a teacher with the labels {', '.join(classifier.labels)}, and the corpus has "
                f"{', '.join(self._labels)}; train it on this corpus"
            )
        return classifier

    def join(self, labelled: Split) -> Split:
        """Returns labelled reviews and then the texts without labels, whose soft labels `teach` gives."""
        missing = np.zeros((len(self._texts), len(self._labels)), "float32")
        known = labelled.probabilities(len(self._labels))
        return replace(together(labelled, self._texts), soft_labels=np.concatenate([known, missing]))

    def teach(self, joined: Split, folder: Path, writes: bool = True, quiet: bool = False) -> None:
        """Fills in the soft labels of what `join` returned.

        Args:
            folder: keeps them, and has those of a run that is resumed.
            writes: whether this process is the one that writes there.

        Raises:
            InputError: those that are there belong to other texts.
        """
        file = folder / _FILE
        kept = Checkpoint.read(file)
        found = self._probabilities(quiet) if kept is None else kept.arrays[_NAME]
        if len(found) != len(self._texts):
            raise InputError(f"{file}: it labels {len(found)} texts, not {len(self._texts)}; train anew")
        if kept is None and writes:
            Checkpoint({_NAME: found}, {}).write(file)
        joined.probabilities(len(self._labels))[-len(found) :] = found

    def _probabilities(self, quiet: bool) -> np.ndarray:
        total = np.zeros((len(self._texts), len(self._labels)))
        for classifier in self._classifiers:
            texts = self._texts
            if classifier.tokenizer.sha256 != self._tokenizer_sha256:
                texts = Split.from_texts(texts.texts(), classifier.tokenizer)
            total += classifier.logits(texts, quiet) / classifier.decision.temperature
        return Decision(self._labels).probabilities(total / len(self._classifiers)).astype("float32")
