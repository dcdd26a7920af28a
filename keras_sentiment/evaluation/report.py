"""`report.html`: what was measured, in one file that needs no other."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
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
from keras_sentiment.evaluation.description import architecture, hyperparameters
from keras_sentiment.evaluation.seen_texts import seen_warnings
from keras_sentiment.evaluation.tables import (
    MANY_LABELS,
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
from keras_sentiment.runs.run_files import REPORTS
from keras_sentiment.storage.untrusted import open_regular
from keras_sentiment.text.cleaning import escaped

SHOWN_ERRORS = 50
EXPLAINED_ERRORS = 10  # each is scored as often as its text has parts
CARRYING_WORDS = 5
EXCERPT = 280  # characters
SHOWN_PAIRS = 20
# Whose versions are told: a run may name whatever it likes.
_TEMPLATE = resources.files("keras_sentiment.evaluation").joinpath("report.html").read_text("utf-8")
# Of each page: its policy stands in it, before anything that a stranger could have written.
_BEGINNING = _TEMPLATE[: _TEMPLATE.index('<meta name="viewport"')].encode()
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
        for error in errors[:EXPLAINED_ERRORS]:
            error["parts"], error["words"] = explained(classifier, error["text"])
        counts = run.baseline().counts
        values = {
            "run": run,
            "data": data,
            "fingerprint": split.fingerprint,
            "metrics": metrics,
            "warnings": seen_warnings(metrics, "reviews"),
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
            "left_out": left_out(metrics),
            "many_labels": MANY_LABELS,
            "pairs": confused_pairs(metrics, SHOWN_PAIRS),
            "machine": machine(
                [name for name in _PACKAGES if name in run.config.versions] + ["scikit-learn"]
            ),
            "backend": keras.backend.backend(),
            "pictures": _pictures(run, labels, logits, decision, metrics),
            "errors": errors,
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
        environment.globals |= {"zip": zip, "percent": percent, "bucket_name": bucket_name}
        environment.filters |= {"figure": figure, "span": span}
        evaluations = self._evaluations(recorded or {}, folder)
        return environment.from_string(_TEMPLATE).render(**self.values, evaluations=evaluations)

    def _evaluations(self, recorded: dict[str, Any], folder: str) -> list[dict[str, Any]]:
        """Returns the evaluations of the model, each in the words of a row."""
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
    """Whether a file begins as our pages do, with the policy under which a browser runs no script of it."""
    if not path.is_file():
        return False
    with open_regular(path) as file:
        return file.read(len(_BEGINNING)) == _BEGINNING


def _visible(value: Any) -> Any:
    """Returns what the template is about to write; what a stranger wrote hides nothing in it."""
    return visible(value) if type(value) is str else value


def page_name(split: str, fingerprint: str) -> str:
    """Returns the name of the file that has the page of a part of some data, from letters and digits alone.

    Example:
        >>> page_name("test", "3fa9c2d1e0b4" + 52 * "0")
        'test-3fa9c2d1e0b4.html'
    """
    return "-".join(re.sub("[^a-z0-9]", "", part.lower())[:12] for part in (split, fingerprint)) + ".html"


def find_errors(split: Split, probabilities: np.ndarray, decision: Decision) -> list[dict[str, Any]]:
    """Returns the errors that the model was surest of, most confident first, at most `SHOWN_ERRORS`.

    Returns:
        `{"text", "excerpt", "source", "label", "predicted", "probability"}` of each; the probability is
        that of the predicted label.
    """
    predicted = decision.choose(probabilities)
    sureness = probabilities[np.arange(len(predicted)), predicted]
    wrong = np.flatnonzero(predicted != split.labels)
    chosen = np.sort(wrong[np.argsort(-sureness[wrong], kind="stable")][:SHOWN_ERRORS])
    records = zip(chosen.tolist(), split.take(chosen).records(), strict=True)
    errors = [
        {
            **record._asdict(),
            "excerpt": _excerpt(record.text),
            "predicted": decision.labels[predicted[row]],
            "probability": float(sureness[row]),
        }
        for row, record in records
    ]
    return sorted(errors, key=lambda error: -error["probability"])


def _excerpt(text: str) -> str:
    return text if len(text) <= EXCERPT else text[:EXCERPT].rsplit(maxsplit=1)[0] + " …"


def marked(text: str, words: list[dict[str, Any]]) -> tuple[list[tuple[str, bool]], list[str]]:
    """Returns a text in pieces, each with whether it carried the label most, and those that did.

    Args:
        words: of an explanation of the text.
    """
    carrying = sorted(words, key=lambda word: -word["contribution"])[:CARRYING_WORDS]
    carrying = [word for word in carrying if word["contribution"] > 0]
    pieces, end = [], 0
    for word in sorted(carrying, key=lambda word: word["start"]):
        pieces += [(text[end : word["start"]], False), (text[word["start"] : word["end"]], True)]
        end = word["end"]
    return [*pieces, (text[end:], False)], [word["text"] for word in carrying]


def explained(classifier: Classifier, text: str) -> tuple[list[tuple[str, bool]], list[str]]:
    """Returns what `marked` does, of a cleaned text: `explain` cleans what it is given."""
    pieces, words = marked(written := escaped(text), classifier.explain(written)["words"])
    return [(unescape(piece), carries) for piece, carries in pieces], [unescape(word) for word in words]


def bucket_name(row: dict[str, Any]) -> str:
    """Returns what to call a range of lengths."""
    return f"> {row['from'] - 1}" if row["to"] is None else f"{row['from']}–{row['to']}"


def _pictures(
    run: Run, labels: np.ndarray, logits: np.ndarray, decision: Decision, metrics: dict[str, Any]
) -> dict[str, str]:
    names, rows = metrics["labels"], metrics["by_length"]
    probabilities, before = decision.probabilities(logits), Decision(names).probabilities(logits)
    found = {
        "reliability": plots.reliability(
            labels,
            before,
            probabilities,
            "Reliability diagram: the calibration error is "
            f"{figure(metrics['before_calibration']['ece'])} before and {figure(metrics['ece'])} after "
            "calibration.",
        ),
        "lengths": plots.lengths(
            rows,
            [bucket_name(row) for row in rows],
            "Accuracy by length in tokens: "
            + ", ".join(f"{bucket_name(row)} {row['accuracy']:.3f}" for row in rows),
        ),
    }
    if metrics["roc_auc"] is not None and len(names) <= plots.MOST_CURVES:
        alt = f"ROC curve: the area under it is {metrics['roc_auc']:.4f}."
        found["roc"] = plots.roc(labels, probabilities, names, alt)
    history = read_history(run)
    # The n-grams are fitted before: what is measured in training is the deep model.
    train = "train (without n-grams)" if run.config.recipe.model.ngrams else "train"
    for name in ("loss", "accuracy") if history else ():
        last = history[-1]
        alt = (
            f"Learning curve of the {name}: after epoch {last['epoch']:.0f} it is "
            f"{last[name]:.4f} on {train} and {last[f'val_{name}']:.4f} on validation."
        )
        found[name] = plots.learning(history, name, train, alt)
    return found
