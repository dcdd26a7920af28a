"""Soft labels: the probabilities that trained models give to unlabelled texts, for another model to learn."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from keras_sentiment.data.corpus import Corpus
from keras_sentiment.data.encoded_split import Split, concatenate
from keras_sentiment.decision import Decision
from keras_sentiment.errors import InputError
from keras_sentiment.inference.artifact import is_artifact
from keras_sentiment.inference.classifier import Classifier
from keras_sentiment.inference.load import load
from keras_sentiment.training.checkpoint_file import Checkpoint
from keras_sentiment.training.run_writer import TrainingRun

_NAME, _FILE = "soft_labels", "soft_labels.npz"


@dataclass(frozen=True)
class SoftLabels:
    """The unlabelled texts of a corpus with the mean probabilities of one or more teachers.

    Self-training (Xie et al. 2020, "Self-training with Noisy Student improves ImageNet classification") where
    a teacher is as large as the student, distillation (Hinton et al. 2015, "Distilling the Knowledge in a
    Neural Network") where it is larger. The mean is taken over their logits, each divided by its
    temperature.

    Args:
        texts: the unlabelled texts.
        probabilities: float32[texts, num_classes].
    """

    texts: Split
    probabilities: npt.NDArray[np.float32]

    @classmethod
    def of_run(cls, run: TrainingRun, corpus: Corpus, quiet: bool = False) -> SoftLabels:
        """Lets the teachers of a run label the texts; a run that is resumed reads its saved soft labels.

        Raises:
            InputError: there are no unlabelled texts, or others than those the run was begun with; a teacher
                can't be read, has other labels, or is the run itself; or several processes train.
        """
        texts, kept = corpus.unlabelled, Checkpoint.read(run.checkpoints / _FILE)
        if texts is None or not len(texts):
            raise InputError(
                f"{corpus.path}: it holds no unlabelled texts for a teacher to label; prepare it again "
                "with --unlabelled, or leave out --teacher"
            )
        if run.devices.processes > 1:
            raise InputError("--teacher works in one process only; leave it out")
        if run.resumed and kept is not None:
            if kept.state != {"texts": _sha256(texts)}:
                raise InputError(
                    f"{run.path}: it was begun with other unlabelled texts; begin again with --overwrite"
                )
            return cls(texts, kept.arrays[_NAME])
        paths = run.config.recipe.training.teachers
        for path in paths:
            if run.path.resolve() in (Path(path).resolve(), *Path(path).resolve().parents):
                raise InputError(f"{path}: a run can't be its own teacher; name another folder for the run")
        classifiers = [_open(path, corpus.labels, run.config.precision) for path in paths]
        total = np.zeros((len(texts), len(corpus.labels)))
        for path, classifier in zip(paths, classifiers, strict=True):
            read = texts
            if classifier.tokenizer.sha256 != corpus.info["tokenizer"]["sha256"]:
                read = texts.encoded_by(classifier.tokenizer)
            total += classifier.logits(read, quiet) / classifier.decision.temperature
            if not np.isfinite(total).all():
                raise InputError(f"{path}: the logits of this teacher are not finite numbers; name another")
        probabilities = Decision(corpus.labels).probabilities(total / len(paths))
        return cls(texts, probabilities.astype("float32"))

    def join(self, labelled: Split) -> Split:
        """Returns the labelled reviews followed by these texts."""
        known = labelled.targets(self.probabilities.shape[1])
        soft_labels = np.concatenate([known, self.probabilities])
        return replace(concatenate(labelled, self.texts), soft_labels=soft_labels)

    def keep(self, run: TrainingRun) -> None:
        """Writes the soft labels into a run that has begun, which can then resume without its teachers."""
        state = {"texts": _sha256(self.texts)}
        Checkpoint({_NAME: self.probabilities}, state).write(run.checkpoints / _FILE)


def _open(path: str, labels: Sequence[str], precision: str) -> Classifier:
    classifier = load(path) if is_artifact(path) else load(path, precision)
    if list(classifier.labels) != list(labels):
        raise InputError(
            f"{path}: this teacher has the labels {', '.join(classifier.labels)}, and the corpus has "
            f"{', '.join(labels)}; train it on this corpus"
        )
    return classifier


def _sha256(texts: Split) -> str:
    digest = hashlib.sha256(np.ascontiguousarray(texts.offsets).data)
    digest.update(np.ascontiguousarray(texts.ids).data)
    return digest.hexdigest()
