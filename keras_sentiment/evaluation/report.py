"""`report.html`: what was measured, in one file that needs no other."""

from __future__ import annotations

from collections.abc import Sequence
from html import unescape
from importlib import resources
from typing import Any

import jinja2
import keras
import numpy as np

from keras_sentiment.data.encoded_split import Split
from keras_sentiment.decision import Decision
from keras_sentiment.evaluation import plots
from keras_sentiment.evaluation.seen_texts import seen_warnings
from keras_sentiment.inference.classifier import Classifier
from keras_sentiment.machine import machine
from keras_sentiment.runs.history import read_history
from keras_sentiment.runs.run import Run
from keras_sentiment.text.cleaning import escaped

SHOWN_ERRORS = 50
EXPLAINED_ERRORS = 10  # each is scored as often as its text has parts
CARRYING_WORDS = 5
EXCERPT = 280  # characters
# From here on, a calibrated model that contradicts a label is more often right than the label is.
MIN_LABEL_ERROR_PROBABILITY = 0.95

FIGURES = (
    ("accuracy", "Accuracy", "share of the labels that are right"),
    ("f1", "F1, mean over the labels", "harmonic mean of precision and recall"),
    ("roc_auc", "ROC AUC", "of two reviews with different labels, how often the right one scores more"),
    ("loss", "Log loss", "cross-entropy, in nats; less is better"),
    ("brier", "Brier score", "mean squared error of the probabilities; less is better"),
    ("ece", "Calibration error (ECE)", "mean gap between confidence and accuracy; less is better"),
)


def report(
    classifier: Classifier, run: Run, split: Split, logits: np.ndarray, metrics: dict[str, Any], data: str
) -> str:
    """Returns the page.

    Args:
        split: the reviews that were measured.
        logits: float[reviews, num_classes], of them.
        metrics: what `metrics.json` gets of them.
        data: what the user calls the data.
    """
    labels, decision = np.asarray(split.labels), classifier.decision
    probabilities = decision.probabilities(logits)
    source = resources.files("keras_sentiment.evaluation").joinpath("report.html").read_text("utf-8")
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.globals["zip"] = zip
    environment.filters |= {"figure": figure, "span": span}
    errors = find_errors(split, probabilities, decision)
    for error in errors[:EXPLAINED_ERRORS]:
        error["parts"], error["words"] = explained(classifier, error["text"])
    return environment.from_string(source).render(
        run=run,
        data=data,
        fingerprint=split.fingerprint,
        metrics=metrics,
        warnings=seen_warnings(metrics, "reviews"),
        figures=FIGURES,
        machine=machine([*run.config.versions, "scikit-learn"]),
        backend=keras.backend.backend(),
        pictures=_pictures(run, labels, logits, decision, metrics),
        bucket_name=bucket_name,
        likely=[error for error in errors if error["probability"] >= MIN_LABEL_ERROR_PROBABILITY],
        others=[error for error in errors if error["probability"] < MIN_LABEL_ERROR_PROBABILITY],
        sure=MIN_LABEL_ERROR_PROBABILITY,
        wrong=int((decision.choose(probabilities) != labels).sum()),
    )


def figure(value: float | None) -> str:
    """Returns a figure as it is shown."""
    return "–" if value is None else f"{value:.4f}"


def span(interval: Sequence[float] | None) -> str:
    """Returns an interval as it is shown."""
    return "–" if interval is None else f"{interval[0]:.4f} to {interval[1]:.4f}"


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
            f"{metrics['before_calibration']['ece']:.4f} before and {metrics['ece']:.4f} after calibration.",
        ),
        "lengths": plots.lengths(
            rows,
            [bucket_name(row) for row in rows],
            "Accuracy by length in tokens: "
            + ", ".join(f"{bucket_name(row)} {row['accuracy']:.3f}" for row in rows),
        ),
    }
    if metrics["roc_auc"] is not None:
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
