"""`report.html`: an evaluation as one page that loads nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import keras
import numpy as np

from keras_sentiment.data.encoded_split import Split
from keras_sentiment.decision import Decision
from keras_sentiment.escaping import visible
from keras_sentiment.evaluation import plots
from keras_sentiment.evaluation.cautions import cautions
from keras_sentiment.evaluation.description import architecture, hyperparameters
from keras_sentiment.evaluation.error_texts import OPEN_ERRORS, add_pieces, find_errors
from keras_sentiment.evaluation.tables import (
    MANY_LABELS,
    NONE,
    baseline_rows,
    confused_pairs,
    figure,
    figure_rows,
    label_rows,
    left_out,
    percent,
    span,
)
from keras_sentiment.inference.classifier import Classifier
from keras_sentiment.machine import machine
from keras_sentiment.runs.chosen import chosen_on_validation
from keras_sentiment.runs.history import read_history
from keras_sentiment.runs.run import Run
from keras_sentiment.runs.run_files import REPORTS, short_name
from keras_sentiment.storage.untrusted import open_regular

SHOWN_PAIRS = 10
SHOWN_EPOCHS = 100  # of more there is no table
_TEMPLATE = resources.files("keras_sentiment.evaluation").joinpath("report.html").read_text("utf-8")
# All pages begin so: their policy comes before anything that the writer of a run could choose.
_BEGINNING = _TEMPLATE[: _TEMPLATE.index('<meta name="viewport"')].encode()
# The packages whose versions are shown, whatever others a run names.
_PACKAGES = ("keras-sentiment", "keras", "keras-hub", "torch", "tensorflow", "jax", "tokenizers")


@dataclass(frozen=True)
class Page:
    """The page of one evaluation.

    Args:
        values: what the template takes, but for the other evaluations of the model.
        name: of the file that it has to itself.
    """

    values: dict[str, Any]
    name: str

    @classmethod
    def of(
        cls,
        classifier: Classifier,
        run: Run,
        split: Split,
        logits: np.ndarray,
        metrics: dict[str, Any],
        data: str,
    ) -> Page:
        """Returns the page, its pictures drawn.

        Args:
            split: the reviews that were measured.
            logits: float[reviews, num_classes], of them.
            metrics: what `metrics.json` gets of them.
            data: what the user calls the data.
        """
        labels, decision = np.asarray(split.labels), classifier.decision
        probabilities = decision.probabilities(logits)
        errors = find_errors(split, probabilities, decision)
        add_pieces(classifier, errors)
        counts, history = run.baseline().counts, read_history(run)
        longest = np.inf if metrics["windows"] else classifier.inputs.sequence_length - 2
        truncated = int((np.asarray(split.lengths) > longest).sum())
        values = {
            "run": run,
            "name": run.path.resolve().name,
            "data": short_name(data),
            "fingerprint": split.fingerprint,
            "metrics": metrics,
            "cautions": cautions(metrics, run.config, split.fingerprint, truncated),
            "chosen": chosen_on_validation(run.config),
            "architecture": architecture(run.config),
            "hyperparameters": hyperparameters(run.config),
            "rows": figure_rows(metrics),
            "label_rows": label_rows(metrics),
            "trained_share": {
                name: percent(count, int(counts.sum()))
                for name, count in zip(metrics["labels"], counts.tolist(), strict=True)
            },
            "baselines": baseline_rows(metrics),
            "calibrated": run.config.calibration is not None and run.config.calibration.fitted,
            "left_out": left_out(metrics),
            "many_labels": MANY_LABELS,
            "pairs": confused_pairs(metrics, SHOWN_PAIRS),
            "history": history[:SHOWN_EPOCHS] if len(history) <= SHOWN_EPOCHS else [],
            "train": _train_curve(run),
            "machine": machine(
                [name for name in _PACKAGES if name in run.config.versions] + ["scikit-learn"]
            ),
            "backend": keras.backend.backend(),
            "pictures": _pictures(run, labels, logits, decision, metrics, history),
            "errors": errors,
            "open_errors": OPEN_ERRORS,
            "wrong": int((decision.choose(probabilities) != labels).sum()),
        }
        return cls(values, page_name(metrics["split"], split.fingerprint))

    def render(self, recorded: dict[str, Any] | None = None, folder: str = "") -> str:
        """Returns the HTML.

        Args:
            recorded: the evaluations that are `shown`; the page lists them where there is more than this one.
            folder: where the pages of other evaluations are, relative to this one.
        """
        environment = jinja2.Environment(
            autoescape=True,
            finalize=_visible,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
        )
        environment.globals |= {
            "zip": zip,
            "percent": percent,
            "bucket_name": bucket_name,
            "short_name": short_name,
        }
        environment.filters |= {"figure": _figure, "span": span}
        evaluations = self._evaluations(recorded or {}, folder)
        titles = self._titles(len(evaluations) > 1)
        return environment.from_string(_TEMPLATE).render(
            **self.values, evaluations=evaluations, titles=titles
        )

    def _titles(self, others: bool) -> dict[str, str]:
        """Returns the title of each section that the page has by its id, in their order."""
        metrics = self.values["metrics"]
        titles = {"baselines": "Comparison with baselines", "figures": "Figures", "labels": "Each label"}
        if "against" in metrics:
            titles["against"] = f"Comparison with {short_name(metrics['against']['run_dir'])}"
        if "perturbed" in metrics:
            titles["robustness"] = "Robustness"
        titles |= {"confusion": "Confusion", "calibration": "Calibration", "lengths": "Accuracy by length"}
        if self.values["history"] or "loss" in self.values["pictures"]:
            titles["training"] = "Training"
        titles["errors"] = "Errors"
        if others:
            titles["evaluations"] = "Other evaluations"
        return titles | {"origin": "Data, versions and machine"}

    def _evaluations(self, recorded: dict[str, Any], folder: str) -> list[dict[str, Any]]:
        """Returns the evaluations of the model, each as the cells of a row."""
        reports = self.values["run"].path / REPORTS
        found = []
        for split, by_fingerprint in recorded.items():
            for fingerprint, metrics in by_fingerprint.items():
                name = page_name(split, fingerprint)
                found.append(
                    {
                        "data": f"{metrics['data']} ({split})",
                        "date": metrics["date"][:10],
                        "examples": f"{metrics['examples']:,}",
                        "accuracy": figure(metrics["accuracy"]),
                        "interval": span(metrics["intervals"]["accuracy"]),
                        "tfidf": figure(metrics["baselines"]["tfidf"]["accuracy"]),
                        "this": name == self.name,
                        "page": folder + name if _is_page(reports / name) else None,
                    }
                )
        return found


def _is_page(path: Path) -> bool:
    """Returns whether a file begins as our pages do, with the policy that lets a browser run no script."""
    if not path.is_file():
        return False
    with open_regular(path) as file:
        return file.read(len(_BEGINNING)) == _BEGINNING


def _visible(value: Any) -> Any:
    """Returns a value of the template with characters that would be invisible escaped."""
    return visible(value) if type(value) is str else value


def page_name(split: str, fingerprint: str) -> str:
    """Returns the name of the page of a split of some data: letters, digits and a hyphen, whatever is given.

    Example:
        >>> page_name("test", "3fa9c2d1e0b4" + 52 * "0")
        'test-3fa9c2d1e0b4.html'
    """
    return "-".join(re.sub("[^a-z0-9]", "", part.lower())[:12] for part in (split, fingerprint)) + ".html"


def bucket_name(row: dict[str, Any]) -> str:
    """Returns a range of lengths in tokens, as text."""
    return f"> {row['from'] - 1}" if row["to"] is None else f"{row['from']}–{row['to']}"


def _figure(value: float | None) -> str:
    """Returns a figure as it is shown, also one of `history.csv`, which may be no finite number."""
    return NONE if value is not None and not np.isfinite(value) else figure(value)


def _train_curve(run: Run) -> str:
    """Returns what to call the train figures of `history.csv`."""
    # The n-grams are fitted before: what is measured in training is the deep model.
    return "train (without n-grams)" if run.config.recipe.model.ngrams else "train"


def _pictures(
    run: Run,
    labels: np.ndarray,
    logits: np.ndarray,
    decision: Decision,
    metrics: dict[str, Any],
    history: list[dict[str, float]],
) -> dict[str, str]:
    """Returns the plots that say something: none of one dot."""
    names, rows = metrics["labels"], metrics["by_length"]
    probabilities = decision.probabilities(logits)
    found = {}
    if metrics["ece"] is not None:
        curves = [("after calibration", probabilities)]
        told = f"the calibration error is {figure(metrics['ece'])}"
        if metrics["temperature"] != 1:
            curves.append(("before", Decision(names).probabilities(logits)))
            told = (
                f"the calibration error is {figure(metrics['before_calibration']['ece'])} before and "
                f"{figure(metrics['ece'])} after calibration"
            )
        found["reliability"] = plots.reliability(labels, curves, f"Reliability diagram: {told}.")
    if len(rows) > 1:
        accuracies = ", ".join(f"{bucket_name(row)} {row['accuracy']:.3f}" for row in rows)
        alt = f"Accuracy by length in tokens: {accuracies}."
        found["lengths"] = plots.lengths(rows, [bucket_name(row) for row in rows], alt)
    if metrics["roc_auc"] is not None and len(names) <= plots.MOST_CURVES:
        alt = f"ROC curve: the area under it is {metrics['roc_auc']:.4f}."
        found["roc"] = plots.roc(labels, probabilities, names, alt)
    train = _train_curve(run)
    for name in ("loss", "accuracy") if len(history) > 1 else ():
        last = history[-1]
        alt = (
            f"Learning curve of the {name}: after epoch {last['epoch']:.0f} it is "
            f"{last[name]:.4f} on {train} and {last[f'val_{name}']:.4f} on validation."
        )
        found[name] = plots.learning(history, name, train, alt)
    return found
