"""A trained model and data -> figures, kept in the run beside a report and a model card."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_sentiment.config import PrepareConfig
from keras_sentiment.data.encoded_split import Split
from keras_sentiment.data.evaluation_split import open_evaluation_split
from keras_sentiment.data.reviews import Review
from keras_sentiment.evaluation.model_card import model_card
from keras_sentiment.evaluation.perturbations import perturbed
from keras_sentiment.evaluation.report import report
from keras_sentiment.inference.classifier import Classifier
from keras_sentiment.inference.load import load_model, run_classifier
from keras_sentiment.metrics.figures import accuracy_by_length, compare, evaluate_logits
from keras_sentiment.runs.run import Run


@dataclass(frozen=True)
class Evaluation:
    """A model measured on reviews.

    Args:
        run: the model's.
        data: what the user calls the data.
        reviews: that were measured.
        logits: float[reviews, num_classes], of them.
        metrics: the figures, as JSON's types; `split` is the part of the data.
    """

    run: Run
    data: str
    reviews: Split
    classifier: Classifier
    logits: np.ndarray
    metrics: dict[str, Any]

    def save(self) -> Path:
        """Writes `metrics.json`, `report.html` and `README.md` into the run; returns the report's path."""
        run = self.run
        recorded = run.record_metrics(self.metrics["split"], self.reviews.fingerprint, self.metrics)
        page = report(self.classifier, run, self.reviews, self.logits, self.metrics, self.data)
        run.write("report.html", page)
        run.write("README.md", model_card(run, recorded))
        return run.path / "report.html"


def evaluate_run(
    run: Run,
    data: str,
    split: str | None = None,
    *,
    config: PrepareConfig,
    against: Run | None = None,
    windows: bool = False,
    perturb: bool = False,
    quiet: bool = True,
) -> Evaluation:
    """Measures the model of a run on data, and writes nothing.

    Args:
        data: a DATA_DIR, or a source that `prepare` takes.
        split: as `open_evaluation_split` takes it.
        config: names of a table's columns.
        against: another run with the same labels, to compare with.
        windows: whether long texts are read whole.
        perturb: whether to count the labels that typos, HTML and a neutral sentence flip.

    Raises:
        InputError: the data or a model can't be read, or doesn't fit.
    """
    name, reviews = open_evaluation_split(data, split, run.tokenizer(), run.config.labels, config, quiet)
    classifier = run_classifier(run, load_model(run), windows)
    logits = classifier.logits(reviews, quiet)
    correct = run.decision.correct(logits, reviews.labels)
    metrics = {
        "split": name,
        "windows": windows,
        **evaluate_logits(logits, reviews.labels, run.decision),
        "by_length": accuracy_by_length(reviews.lengths + 2, correct),
    }
    if against:
        rival = run_classifier(against, load_model(against), windows)
        # Its vocabulary may be another one.
        texts = (Review(*record) for record in reviews.records())
        theirs = rival.logits(Split.from_reviews(texts, rival.tokenizer, rival.labels), quiet)
        found = compare(correct, against.decision.correct(theirs, reviews.labels))
        metrics["against"] = {"run_dir": str(against.path), **found}
    if perturb:
        metrics["perturbed"] = perturbed(classifier, reviews, logits, quiet)
    return Evaluation(run, data, reviews, classifier, logits, metrics)
