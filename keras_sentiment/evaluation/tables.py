"""Figures as rows of text, which the report, the card, a notebook and the terminal share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_sentiment.metrics.rounding import NONE as NONE

MANY_LABELS = 20  # more make no matrix that anybody reads

FIGURES = (
    ("accuracy", "Accuracy", "share of the labels that are right"),
    ("f1", "F1, mean over the labels", "harmonic mean of precision and recall"),
    ("roc_auc", "ROC AUC", "of two texts with different labels, how often the right one scores more"),
    ("loss", "Log loss", "cross-entropy, in nats; less is better"),
    ("brier", "Brier score", "mean squared error of the probabilities; less is better"),
    (
        "ece",
        "Calibration error (ECE)",
        "root mean square gap between confidence and accuracy, without that of chance; less is better",
    ),
    (
        "class_ece",
        "Class-wise calibration error",
        "the same of each label's probability, over all labels",
    ),
    ("mean_absolute_error", "Mean absolute error", "of the label as a number; less is better"),
    ("within_one", "Within one", "share of the labels that are off by 1 at most"),
)


class Row(NamedTuple):
    """A figure as it is shown.

    Args:
        value: or `NONE`.
        interval: or why it, or the figure, is absent.
    """

    key: str
    title: str
    meaning: str
    value: str
    interval: str


class LabelRow(NamedTuple):
    """A label's figures as they are shown; each is `(value, interval or reason)`."""

    name: str
    support: int
    share: str
    precision: tuple[str, str]
    recall: tuple[str, str]
    f1: tuple[str, str]


class BaselineRow(NamedTuple):
    """A baseline beside the model, as it is shown."""

    title: str
    accuracy: str
    loss: str
    difference: str
    interval: str
    verdict: str


def figure(value: float | None) -> str:
    """Returns a figure as it is shown."""
    return NONE if value is None else f"{value:.4f}"


def span(interval: Sequence[float] | None, sign: str = "") -> str:
    """Returns an interval as it is shown.

    Args:
        sign: `"+"` writes it before numbers above 0 too.
    """
    return NONE if interval is None else f"{interval[0]:{sign}.4f} to {interval[1]:{sign}.4f}"


def figure_rows(metrics: dict[str, Any]) -> list[Row]:
    """Returns the figures over all labels; those of ordered labels where labels are numbers."""
    values = {**metrics, **(metrics["ordinal"] or {})}
    return [
        Row(key, title, meaning, *_shown(metrics, key, values[key]))
        for key, title, meaning in FIGURES
        if key in values
    ]


def label_rows(metrics: dict[str, Any]) -> list[LabelRow]:
    """Returns the figures of each label: in their order, or of many the most frequent first."""
    names, support = metrics["labels"], metrics["support"]
    if len(names) > MANY_LABELS:
        names = sorted(names, key=lambda name: -support[name])
    return [
        LabelRow(
            name,
            support[name],
            percent(support[name], metrics["examples"]),
            *(
                _shown(metrics, f"{kind}_{name}", metrics[f"{kind}_per_class"][name])
                for kind in ("precision", "recall", "f1")
            ),
        )
        for name in names
    ]


def baseline_rows(metrics: dict[str, Any]) -> list[BaselineRow]:
    """Returns the two baselines."""
    majority, tfidf = metrics["baselines"]["majority"], metrics["baselines"]["tfidf"]
    titles = (
        f"Always {majority['label']}, the most frequent label of training",
        f"Logistic regression on TF-IDF, fitted on {tfidf['trained_on']:,} train texts",
    )
    return [
        BaselineRow(
            title,
            figure(found["accuracy"]),
            figure(found.get("loss")),
            f"{found['difference']:+.4f}",
            span(found["difference_ci95"], "+"),
            verdict(found["difference_ci95"]),
        )
        for title, found in zip(titles, (majority, tfidf), strict=True)
    ]


def verdict(interval: Sequence[float] | None) -> str:
    """Returns what the interval of a difference says of the model beside another."""
    if interval is None:
        return "not known: all texts are of one group"
    if interval[0] > 0:
        return "the model is better"
    return "the model is worse" if interval[1] < 0 else "these texts can't tell which is better"


def confused_pairs(metrics: dict[str, Any], most: int) -> list[tuple[str, str, int, str]]:
    """Returns the labels that are most often taken for others.

    Returns:
        The true label, the predicted one, how many texts, and which share of the true label's that is.
    """
    counts = np.array(metrics["confusion"])
    totals = counts.sum(axis=1)
    np.fill_diagonal(counts, 0)
    names = metrics["labels"]
    found = []
    for place in np.argsort(-counts, axis=None, kind="stable")[:most].tolist():
        true, predicted = divmod(place, len(names))
        if count := int(counts[true, predicted]):
            found.append((names[true], names[predicted], count, percent(count, int(totals[true]))))
    return found


def percent(count: int, total: int) -> str:
    """Returns a share as it is shown."""
    return f"{count / total:.1%}" if total else NONE


def left_out(metrics: dict[str, Any]) -> str:
    """Returns what to say of labels that count in no mean; nothing where there are none."""
    count = metrics["labels_left_out"]
    if not count:
        return ""
    labels = "1 label neither occurs nor is" if count == 1 else f"{count:,} labels neither occur nor are"
    return f"{labels} predicted here; no mean over the labels counts {'it' if count == 1 else 'them'}."


def _shown(metrics: dict[str, Any], key: str, value: float | None) -> tuple[str, str]:
    """Returns a figure and its interval, or why there is none."""
    if value is None:
        return NONE, metrics["absent"][key]
    interval = metrics["intervals"][key]
    if interval is None:
        return figure(value), f"no interval: {metrics['absent'][f'interval of {key}']}"
    return figure(value), span(interval)
