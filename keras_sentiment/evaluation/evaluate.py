"""A trained model and data -> figures, kept in the run beside a report and a model card."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from keras_sentiment.data.config import PrepareConfig
from keras_sentiment.data.corpus import Corpus
from keras_sentiment.data.encoded_split import Split
from keras_sentiment.data.evaluation_split import open_evaluation_split
from keras_sentiment.data.fingerprint import copy_keys
from keras_sentiment.data.readers.bad_rows import BadRows
from keras_sentiment.data.readers.sources import source_name
from keras_sentiment.errors import InputError
from keras_sentiment.evaluation.model_card import model_card
from keras_sentiment.evaluation.perturbations import perturbed
from keras_sentiment.evaluation.report import FIGURES, figure, report, span
from keras_sentiment.evaluation.seen_texts import seen_warnings
from keras_sentiment.inference.classifier import Classifier
from keras_sentiment.inference.load import load_model, run_classifier
from keras_sentiment.metrics.figures import accuracy_by_length, compare, evaluate_logits
from keras_sentiment.runs.metrics_file import record_metrics
from keras_sentiment.runs.run import Run, open_run


@dataclass(frozen=True, repr=False)
class Evaluation:
    """A model measured on reviews.

    Args:
        run: the model's.
        data: what the user calls the data.
        reviews: that were measured.
        classifier: of the model.
        logits: float[reviews, num_classes], of the reviews.
        metrics: the figures, as JSON's types; `split` is the part of the data.
        model_sha256: checksum of the model that was measured.

    Example:
        >>> evaluation = evaluate("runs/films", corpus, "validation")
        >>> evaluation.metrics["examples"]
        20
    """

    run: Run
    data: str
    reviews: Split
    classifier: Classifier
    logits: np.ndarray
    metrics: dict[str, Any]
    model_sha256: str

    def __repr__(self) -> str:
        accuracy, interval = self.metrics["accuracy"], self.metrics["intervals"]["accuracy"]
        return (
            f"<Evaluation of {self.run.path}: accuracy {accuracy:.4f} ({span(interval)}) on {self._reviews}>"
        )

    @property
    def _reviews(self) -> str:
        metrics, seen = self.metrics, self.metrics["seen_in_training"]
        trained = f", {seen:,} of them trained on" if seen else ""
        return f"{metrics['examples']:,} reviews ({metrics['split']}{trained})"

    def _repr_html_(self) -> str:
        metrics, intervals = self.metrics, self.metrics["intervals"]
        rows = [
            f"<tr title='{escape(meaning)}'><th>{name}</th><td>{figure(metrics[key])}</td>"
            f"<td>{span(intervals[key])}</td></tr>"
            for key, name, meaning in FIGURES
        ]
        if against := metrics.get("against"):
            found = f"<td>{against['difference']:+.4f}</td><td>{span(against['difference_ci95'])}</td>"
            rows.append(f"<tr><th>Accuracy less that of {escape(against['run_dir'])}</th>{found}</tr>")
        title = f"{self._reviews} of {escape(self.data)}"
        head = "<tr><th></th><th></th><th>95% interval</th></tr>"
        return f"<table><caption>{title}</caption>{head}{''.join(rows)}</table>"

    def save(self) -> Path:
        """Writes `metrics.json`, `report.html` and `README.md` into the run; returns the report's path.

        Raises:
            InputError: the run holds another model by now, or nothing can be written there.
        """
        run = self.run
        if run.model_sha256 != self.model_sha256:
            raise InputError(f"{run.path}: it holds another model than was evaluated; evaluate it again")
        recorded = record_metrics(run, self.metrics["split"], self.reviews.fingerprint, self.metrics)
        page = report(self.classifier, run, self.reviews, self.logits, self.metrics, self.data)
        run.write("report.html", page)
        run.write("README.md", model_card(run, recorded))
        return run.path / "report.html"


def evaluate(
    run: Run | str | Path,
    data: Any,
    split: str | None = None,
    *,
    config: PrepareConfig | None = None,
    on_error: str = "fail",
    against: Run | str | Path | None = None,
    windows: bool = False,
    perturb: bool = False,
    quiet: bool = True,
) -> Evaluation:
    """Measures the model of a run on data; `save` of the result writes metrics, report and card into the run.

    A warning on standard error says how many of the texts the model, or its rival, was trained on; but for a
    train part that was asked for. The metrics have the number as `seen_in_training`.

    Args:
        run: a complete run, or its path.
        data: a corpus, its DATA_DIR, or any source that `prepare` takes.
        split: `"train"`, `"validation"` or `"test"`; by default test, or all of a source without it.
        config: names of a table's columns.
        on_error: `"fail"`, or `"skip"`: rows that can't be used are left out, and counted in `rejected`.
        against: another run with the same labels, or its path, to compare with.
        windows: whether long texts are read whole.
        perturb: whether to count the labels that typos, HTML and a neutral sentence flip.
        quiet: whether to show no progress.

    Raises:
        InputError: the data or a model can't be read, or doesn't fit.

    Example:
        >>> evaluation = evaluate(run, corpus)
        >>> sorted(evaluation.metrics["f1_per_class"])
        ['negative', 'positive']
        >>> page = evaluation.save()  # metrics.json, report.html and a model card, in the run
    """
    run, other = open_run(run), None if against is None else open_run(against)
    if other and other.config.labels != run.config.labels:
        raise InputError(f"{other.path}: its labels are not those of {run.path}; they can't be compared")
    labels, config, model_sha256 = run.config.labels, config or PrepareConfig(), run.model_sha256
    bad_rows = BadRows(on_error, quiet)
    name, reviews = open_evaluation_split(data, split, run.tokenizer(), labels, config, quiet, bad_rows)
    keys = copy_keys(reviews.texts())
    seen = [each.trained_on().count(keys) for each in (run, other) if each]
    classifier = run_classifier(run, load_model(run), windows)
    logits = classifier.logits(reviews, quiet)
    correct = run.decision.correct(logits, reviews.labels)
    metrics = {
        "split": name,
        "windows": windows,
        "rejected": bad_rows.count,
        "seen_in_training": seen[0],
        **evaluate_logits(logits, reviews.labels, run.decision),
        "by_length": accuracy_by_length(reviews.lengths + 2, correct),
    }
    if other:
        rival = run_classifier(other, load_model(other), windows)
        theirs = rival.logits(reviews.encoded_by(rival.tokenizer), quiet)
        found = compare(correct, other.decision.correct(theirs, reviews.labels))
        metrics["against"] = {"run_dir": str(other.path), **found, "seen_in_training": seen[1]}
    if perturb:
        metrics["perturbed"] = perturbed(classifier, reviews, logits, quiet)
    source = str(data.path) if isinstance(data, Corpus) else source_name(data)
    for warning in seen_warnings(metrics, f"reviews of {source} ({name})"):
        print(f"Warning: {warning}", file=sys.stderr)
    return Evaluation(run, source, reviews, classifier, logits, metrics, model_sha256)
