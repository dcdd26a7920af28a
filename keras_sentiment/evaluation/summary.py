"""What `evaluate` prints: the most important figures in sentences, then all of them in tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_sentiment.decision import Decision
from keras_sentiment.escaping import printable
from keras_sentiment.evaluation.tables import (
    MANY_LABELS,
    confused_pairs,
    figure_rows,
    label_rows,
    left_out,
    percent,
    verdict,
)
from keras_sentiment.metrics.rounding import NONE, rounded, rounded_span
from keras_sentiment.text_table import text_table

_SHOWN_PAIRS = 5
_KINDS = ("precision", "recall", "f1")


def summary(metrics: dict[str, Any]) -> str:
    """Returns the figures as lines to read, of which a terminal of 80 columns holds most.

    A figure has the decimals that its 95% interval justifies (`metrics.rounding`).
    """
    decision = Decision(*(metrics[key] for key in ("labels", "temperature", "threshold", "class_weight")))
    rule = decision.rule()
    lines = [
        *_accuracy(metrics),
        *_calibration(metrics),
        f"{rule[0].upper()}{rule[1:]}. Computed in {metrics['precision']}.",
        "",
        *_figures(metrics),
        "",
        *_labels(metrics),
        "",
        *_lengths(metrics),
        *(_compared(metrics["against"]) if "against" in metrics else ()),
        *(_perturbed(metrics) if "perturbed" in metrics else ()),
        *(_pairs(metrics) if len(metrics["labels"]) > MANY_LABELS else _confusion(metrics)),
    ]
    return "\n".join(map(printable, lines))


def _accuracy(metrics: dict[str, Any]) -> list[str]:
    """Returns the accuracy, its interval, and how it stands beside the baselines."""
    interval = metrics["intervals"]["accuracy"]
    reviews = "1 review" if metrics["examples"] == 1 else f"{metrics['examples']:,} reviews"
    groups = "" if metrics["groups"] is None else f" in {metrics['groups']:,} groups"
    within = "no interval" if interval is None else f"95% interval {rounded_span(interval)}"
    majority, tfidf = metrics["baselines"]["majority"], metrics["baselines"]["tfidf"]
    rows = [("baseline", "accuracy", "difference", "95% interval", "the model is")]
    for title, found in ((f"always {majority['label']}", majority), ("TF-IDF regression", tfidf)):
        beside = found["difference_ci95"]
        rows.append(
            (
                title,
                rounded(found["accuracy"], beside),
                rounded(found["difference"], beside, "+"),
                rounded_span(beside, "+"),
                _verdict(beside),
            )
        )
    return [
        f"Accuracy {rounded(metrics['accuracy'], interval)} ({within})",
        f"on {reviews}{groups} ({metrics['split']}).",
        *_indented(text_table(rows)),
    ]


def _verdict(interval: Sequence[float] | None) -> str:
    """Returns in few letters what an interval of a difference says."""
    words = {"the model is better": "better", "the model is worse": "worse"}
    return words.get(verdict(interval), "unclear")


def _calibration(metrics: dict[str, Any]) -> list[str]:
    """Returns whether the probabilities are calibrated, and how far they are off."""
    error, before = metrics["ece"], metrics["before_calibration"]["ece"]
    interval = metrics["intervals"]["ece"]
    chosen = metrics.get("calibration")
    if metrics["temperature"] == 1:
        reason = chosen["reason"] if chosen else "nothing was fitted on validation"
        told = f"Probabilities have no temperature: {reason}."
    else:
        fitted = f" on {chosen['reviews']:,} validation reviews" if chosen else ""
        told = f"Probabilities are calibrated{fitted} (temperature {metrics['temperature']:.3g})."
    if error is None:
        return [told, f"Calibration error (ECE): {metrics['absent']['ece']}."]
    earlier = f"; {rounded(before, interval)} before calibration" if metrics["temperature"] != 1 else ""
    span = "no interval" if interval is None else rounded_span(interval)
    return [
        told,
        f"Calibration error (ECE) {rounded(error, interval)} ({span}){earlier}.",
    ]


def _figures(metrics: dict[str, Any]) -> list[str]:
    values = {**metrics, **(metrics["ordinal"] or {})}
    rows = [("", "value", "95% interval")]
    reasons = []
    for row in figure_rows(metrics):
        value, interval = values[row.key], metrics["intervals"][row.key]
        rows.append((row.title, rounded(value, interval), rounded_span(interval)))
        if value is None or interval is None:
            reasons.append(f"{NONE} {row.title}: {row.interval}")
    return [*text_table(rows), *reasons]


def _labels(metrics: dict[str, Any]) -> list[str]:
    """Returns a line for each label: of the most frequent ones, where there are many."""
    names = [row.name for row in label_rows(metrics)]
    shown = names[:MANY_LABELS]
    rows: list[tuple[str, ...]] = [("label", "texts", "precision", "recall", "F1")]
    for name in shown:
        cells = (
            _share(metrics[f"{kind}_per_class"][name], metrics["intervals"][f"{kind}_{name}"])
            for kind in _KINDS
        )
        rows.append((name, f"{metrics['support'][name]:,}", *cells))
    lines = text_table(rows)
    if names[MANY_LABELS:]:
        lines.append(f"and {len(names) - MANY_LABELS:,} rarer labels: metrics.json has all")
    absent = metrics["absent"]
    keys = [f"{kind}_{name}" for name in shown for kind in _KINDS]
    reasons = {absent[key] for key in keys if key in absent}
    reasons |= {
        f"no interval: {absent[f'interval of {key}']}" for key in keys if f"interval of {key}" in absent
    }
    return [*lines, *(f"{NONE} {reason}" for reason in sorted(reasons)), *filter(None, [left_out(metrics)])]


def _share(value: float | None, interval: Sequence[float] | None) -> str:
    """Returns a figure and its interval in few letters."""
    if value is None:
        return NONE
    return f"{rounded(value, interval)} ({rounded_span(interval).replace(' to ', '-')})"


def _lengths(metrics: dict[str, Any]) -> list[str]:
    rows = [("length in tokens", "texts", "accuracy", "95% interval")]
    for row in metrics["by_length"]:
        longest = f"{row['from']} or more" if row["to"] is None else f"{row['from']} to {row['to']}"
        interval = row["accuracy_ci95"]
        rows.append(
            (longest, f"{row['reviews']:,}", rounded(row["accuracy"], interval), rounded_span(interval))
        )
    return [*text_table(rows), ""]


def _compared(against: dict[str, Any]) -> list[str]:
    interval = against["difference_ci95"]
    told = (
        "no interval: all texts are of one group"
        if interval is None
        else f"95% interval {rounded_span(interval, '+')}, paired: {verdict(interval)}"
    )
    return [
        f"Compared with {against['run_dir']} on the same reviews:",
        f"  its accuracy  {rounded(against['accuracy'], interval)}",
        f"  difference    {rounded(against['difference'], interval, '+')} ({told})",
        f"  only this model is right on {against['only_ours_right']:,} reviews, only the other on "
        f"{against['only_theirs_right']:,}",
        f"  McNemar's exact test: p = {against['p_value']:.2g}",
        "",
    ]


def _perturbed(metrics: dict[str, Any]) -> list[str]:
    rows = [("texts changed by", "accuracy", "labels that change", "share")]
    interval = metrics["intervals"]["accuracy"]
    for name, found in metrics["perturbed"].items():
        share = percent(found["flipped"], metrics["examples"])
        rows.append((name, rounded(found["accuracy"], interval), f"{found['flipped']:,}", share))
    return [*text_table(rows), ""]


def _pairs(metrics: dict[str, Any]) -> list[str]:
    pairs = confused_pairs(metrics, _SHOWN_PAIRS)
    if not pairs:
        return ["no label was taken for another"]
    rows = [("label", "predicted as", "texts", "share of the label")]
    rows += [(true, other, f"{count:,}", share) for true, other, count, share in pairs]
    return ["most often confused:", *_indented(text_table(rows, left=2))]


def _confusion(metrics: dict[str, Any]) -> list[str]:
    names, counts = metrics["labels"], metrics["confusion"]
    rows = [("label, then predicted as", *names)]
    rows += [(name, *(f"{n:,}" for n in row)) for name, row in zip(names, counts, strict=True)]
    return text_table(rows)


def _indented(lines: list[str]) -> list[str]:
    return [f"  {line}" for line in lines]
