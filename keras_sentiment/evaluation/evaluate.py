"""Measures a model on data, and writes figures, report and model card into its run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
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
from keras_sentiment.escaping import html, printable
from keras_sentiment.evaluation.model_card import model_card
from keras_sentiment.evaluation.perturbations import perturbed
from keras_sentiment.evaluation.recorded import MOST_SHOWN, shown
from keras_sentiment.evaluation.report import Page
from keras_sentiment.evaluation.seen_texts import seen_warnings
from keras_sentiment.evaluation.tables import (
    MANY_LABELS,
    baseline_rows,
    figure_rows,
    label_rows,
    left_out,
    span,
    verdict,
)
from keras_sentiment.inference.classifier import Classifier
from keras_sentiment.inference.load import load_model, run_classifier
from keras_sentiment.messages import tell
from keras_sentiment.metrics.figures import accuracy_by_length, compare, evaluate_logits
from keras_sentiment.models.precision import resolve_precision
from keras_sentiment.progress import phase
from keras_sentiment.runs.baseline import Baseline
from keras_sentiment.runs.checks import require_comparable
from keras_sentiment.runs.metrics_file import as_json, record_metrics
from keras_sentiment.runs.run import Run, open_run
from keras_sentiment.runs.run_files import CARD_FILE, METRICS_FILE, REPORT_FILE, REPORTS, short_name
from keras_sentiment.storage.atomic import staged_folder, write_text, writing


@dataclass(frozen=True, repr=False)
class Evaluation:
    """The result of measuring a model on reviews.

    Args:
        run: the run of the model.
        data: path or name of the data, as the user gave it.
        reviews: the reviews that were measured.
        classifier: the model as a classifier.
        logits: float32[reviews, num_classes].
        metrics: dict of the figures, of types that JSON has.
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
        figures = f"accuracy {accuracy:.4f} ({span(interval)}) on {self._reviews}"
        return printable(f"<Evaluation of {self.run.path}: {figures}>")

    @property
    def _reviews(self) -> str:
        metrics, seen = self.metrics, self.metrics["seen_in_training"]
        trained = f", {seen:,} of them trained on" if seen else ""
        return f"{metrics['examples']:,} reviews ({metrics['split']}{trained})"

    def _repr_html_(self) -> str:
        metrics = self.metrics
        rows = [(row.title, row.value, row.interval, row.meaning) for row in figure_rows(metrics)]
        beside = [(f"Accuracy less that of: {row.title}", row) for row in baseline_rows(metrics)]
        rows[1:1] = [(title, row.difference, row.interval, row.verdict) for title, row in beside]
        if against := metrics.get("against"):
            found = f"{against['difference']:+.4f}", span(against["difference_ci95"], "+")
            meaning = verdict(against["difference_ci95"])
            rows.append((f"Accuracy less that of {against['run_dir']}", *found, meaning))
        cells = (
            f"<tr title='{html(meaning)}'><th>{html(title)}</th><td>{value}</td><td>{html(told)}</td></tr>"
            for title, value, told, meaning in rows
        )
        head = "<tr><th></th><th></th><th>95% interval</th></tr>"
        of_labels = "".join(
            f"<tr><th>{html(row.name)}</th><td>{row.support:,}</td>"
            + "".join(f"<td>{value} ({told})</td>" for value, told in (row.precision, row.recall, row.f1))
            + "</tr>"
            for row in label_rows(metrics)[:MANY_LABELS]
        )
        columns = "".join(f"<th>{name}</th>" for name in ("", "Texts", "Precision", "Recall", "F1"))
        return (
            f"<table><caption>{self._reviews} of {html(self.data)}</caption>{head}{''.join(cells)}</table>"
            f"<table><tr>{columns}</tr>{of_labels}</table>{left_out(metrics)}"
        )

    def save(self, output: str | Path | None = None) -> Path:
        """Writes figures, report and model card; returns the path of the report.

        The run gets `metrics.json`, the card `README.md`, and the report twice: as `report.html`, which
        always has the latest evaluation, and in `reports/`, which has a file for each split of each data set.

        Args:
            output: path of a new folder, which gets `metrics.json` and `report.html`; the run is not changed.

        Raises:
            InputError: the run holds another model than was measured, a file can't be written, or `output`
                is not empty.
        """
        run, split, fingerprint = self.run, self.metrics["split"], self.reviews.fingerprint
        if run.model_sha256 != self.model_sha256:
            raise InputError(f"{run.path}: it holds another model than was evaluated; evaluate it again")
        page = Page.of(self.classifier, run, self.reviews, self.logits, self.metrics, self.data)
        if output is not None:
            with staged_folder(Path(output), overwrite=False, is_ours=lambda _: False) as new:
                write_text(new / METRICS_FILE, as_json({split: {fingerprint: self.metrics}}))
                write_text(new / REPORT_FILE, page.render())
            return Path(output) / REPORT_FILE
        recorded, others = shown(record_metrics(run, split, fingerprint, self.metrics), split, fingerprint)
        if others:
            tell(
                f"{run.path / METRICS_FILE}: {others:,} of its evaluations are left out of report and card: "
                f"another version wrote them, or they are older than the latest {MOST_SHOWN}"
            )
        folder = run.path / REPORTS
        if folder.is_symlink():
            raise InputError(f"{folder}: it is a link, which evaluate does not follow; remove it")
        with writing(folder):
            folder.mkdir(exist_ok=True)
        run.write(f"{REPORTS}/{page.name}", page.render(recorded))
        run.write(REPORT_FILE, page.render(recorded, folder=f"{REPORTS}/"))
        run.write(CARD_FILE, model_card(run, recorded))
        return run.path / REPORT_FILE


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
    precision: str = "float32",
    quiet: bool = True,
) -> Evaluation:
    """Measures the model of a run on data.

    Nothing is written before `Evaluation.save`. A warning on standard error says how many of the texts the
    model, or the one it is compared with, was trained on, unless `split` is `"train"`. The metrics have the
    number as `seen_in_training`.

    Args:
        run: a complete run, or its path.
        data: a corpus, its DATA_DIR, or any source that `prepare` takes.
        split: `"train"`, `"validation"` or `"test"`. By default the test split, else the validation split,
            else all of a source.
        config: names of the columns of a table.
        on_error: `"fail"`, or `"skip"`: unusable rows are left out, and counted in `rejected`.
        against: another run with the same labels, or its path, to compare with.
        windows: whether to read long texts whole, in windows, instead of truncating them.
        perturb: whether to measure again with typos, with HTML and with a neutral sentence.
        precision: precision in which both models compute, as `load` takes it; the metrics name it.
        quiet: whether to show no progress.

    Raises:
        InputError: the data or a model can't be read, or they don't fit one another, or a model can't compute
            in that precision.

    Example:
        >>> evaluation = evaluate(run, corpus)
        >>> sorted(evaluation.metrics["f1_per_class"])
        ['negative', 'positive']
        >>> page = evaluation.save()  # metrics.json, report.html and a model card, in the run
    """
    precision = resolve_precision(precision)
    run, other = open_run(run), None if against is None else open_run(against)
    if other:
        require_comparable(run, other)
    labels, config, model_sha256 = run.config.labels, config or PrepareConfig(), run.model_sha256
    bad_rows = BadRows(on_error, quiet)
    name, reviews = open_evaluation_split(data, split, run.tokenizer(), labels, config, quiet, bad_rows)
    keys = copy_keys(reviews.texts())
    seen = [each.trained_on().count(keys) for each in (run, other) if each]
    baseline = run.baseline()
    with phase("Loading the model", "Loaded the model", quiet):
        classifier = run_classifier(run, load_model(run, precision), windows)
    logits = classifier.logits(reviews, quiet)
    correct = run.decision.correct(logits, reviews.labels)
    source = str(data.path) if isinstance(data, Corpus) else source_name(data)
    with phase(
        "Computing the figures and their intervals", "Computed the figures and their intervals", quiet
    ):
        metrics = {
            "data": short_name(source),
            "split": name,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "model_sha256": model_sha256,
            "windows": windows,
            "precision": precision,
            "rejected": bad_rows.count,
            "seen_in_training": seen[0],
            **evaluate_logits(logits, reviews.labels, run.decision, reviews.groups),
            "by_length": accuracy_by_length(reviews.lengths + 2, correct, reviews.groups),
            "baselines": _beside_baselines(baseline, reviews, correct, labels),
            "calibration": asdict(run.config.calibration) if run.config.calibration else None,
        }
    if other:
        rival = run_classifier(other, load_model(other, precision), windows)
        theirs = rival.logits(reviews.encoded_by(rival.tokenizer), quiet)
        found = compare(correct, other.decision.correct(theirs, reviews.labels), reviews.groups)
        metrics["against"] = {"run_dir": str(other.path), **found, "seen_in_training": seen[1]}
    if perturb:
        metrics["perturbed"] = perturbed(classifier, reviews, logits, quiet)
    for warning in seen_warnings(metrics, f"reviews of {source} ({name})"):
        tell(f"Warning: {warning}")
    return Evaluation(run, source, reviews, classifier, logits, metrics, model_sha256)


def _beside_baselines(
    baseline: Baseline, reviews: Split, correct: np.ndarray, labels: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Returns the figures of both baselines, the majority label and TF-IDF, on the same reviews."""
    right, losses = baseline.score(reviews.texts(), reviews.labels)
    kept = ("accuracy", "difference", "difference_ci95")
    majority, tfidf = (
        {key: compare(correct, theirs, reviews.groups)[key] for key in kept}
        for theirs in (np.asarray(reviews.labels) == baseline.majority, right)
    )
    return {
        "majority": {"label": labels[baseline.majority], **majority},
        "tfidf": {**tfidf, "loss": float(losses.mean()), "trained_on": baseline.trained_on},
    }
