"""What `evaluate` prints: the figures in lines of text."""

from __future__ import annotations

from typing import Any

from keras_sentiment.decision import Decision
from keras_sentiment.escaping import printable
from keras_sentiment.evaluation.tables import (
    MANY_LABELS,
    NONE,
    LabelRow,
    baseline_rows,
    confused_pairs,
    figure,
    figure_rows,
    label_rows,
    left_out,
    span,
)

_SHOWN_PAIRS = 5
_TITLES = {
    "accuracy": "accuracy",
    "f1": "f1, mean",
    "roc_auc": "roc auc",
    "mean_absolute_error": "mean abs. error",
    "within_one": "within one",
}


def summary(metrics: dict[str, Any]) -> str:
    """Returns the figures as lines to read, of which a terminal of 80 columns holds most."""
    decision = (metrics[key] for key in ("labels", "temperature", "threshold", "class_weight"))
    before = figure(metrics["before_calibration"]["ece"])
    rows = [
        _figure_line(_TITLES.get(row.key, row.key), row.value, row.interval) for row in figure_rows(metrics)
    ]
    lines = [
        f"{metrics['examples']:,} reviews ({metrics['split']}){_groups(metrics)}, {metrics['precision']}; "
        "in brackets 95% intervals",
        *rows[:1],
        *_baselines(metrics),
        *rows[1:],
        "no temperature was fitted"
        if metrics["temperature"] == 1
        else f"ece before calibration {before}, temperature {metrics['temperature']:.4f}",
        Decision(*decision).rule(),
        *_labels(metrics),
        "accuracy by length in tokens:",
        *(
            _figure_line(_bucket(row), figure(row["accuracy"]), span(row["accuracy_ci95"]))
            + f", {row['reviews']:,} reviews"
            for row in metrics["by_length"]
        ),
        *(_compared(metrics["against"]) if "against" in metrics else ()),
        *(
            f"with {name:11}  {found['accuracy']:.4f}  accuracy; {found['flipped']:,} labels flipped, "
            f"{found['flipped_share']:.1%}"
            for name, found in metrics.get("perturbed", {}).items()
        ),
        *(_pairs(metrics) if len(metrics["labels"]) > MANY_LABELS else _confusion(metrics)),
    ]
    return "\n".join(map(printable, lines))


def _groups(metrics: dict[str, Any]) -> str:
    return "" if metrics["groups"] is None else f" in {metrics['groups']:,} groups"


def _figure_line(title: str, value: str, interval: str) -> str:
    return f"{title:16}  {value:6}  ({interval})"


def _baselines(metrics: dict[str, Any]) -> list[str]:
    majority = metrics["baselines"]["majority"]
    titles = (f"always {majority['label']}", "TF-IDF")
    width = max(14, *map(len, titles))
    return [
        f"  {title:{width}}  {row.accuracy}  model {row.difference} ({row.interval})"
        + ("" if row.loss == NONE else f", loss {row.loss}")
        for title, row in zip(titles, baseline_rows(metrics), strict=True)
    ]


def _labels(metrics: dict[str, Any]) -> list[str]:
    """Returns a line a label: the most frequent ones, where there are many."""
    rows = label_rows(metrics)
    shown = rows[:MANY_LABELS]
    names, counts = max(len(row.name) for row in shown), max(5, *(len(f"{row.support:,}") for row in shown))
    head = f"{'':{names}}  {'texts':>{counts}}  {'precision':19}  {'recall':19}  f1"
    lines = [head, *(_label_line(row, names, counts) for row in shown)]
    if rows[MANY_LABELS:]:
        lines.append(f"and {len(rows) - MANY_LABELS:,} rarer labels: metrics.json has all")
    reasons = {
        reason
        for row in shown
        for value, reason in (row.precision, row.recall, row.f1)
        if value == NONE or reason.startswith("no interval")
    }
    return [*lines, *(f"{NONE} {reason}" for reason in sorted(reasons)), *filter(None, [left_out(metrics)])]


def _label_line(row: LabelRow, names: int, counts: int) -> str:
    cells = (f"{_short(*cell):19}" for cell in (row.precision, row.recall, row.f1))
    return f"{row.name:{names}}  {row.support:>{counts},}  {'  '.join(cells)}".rstrip()


def _short(value: str, interval: str) -> str:
    """Returns a share and its interval in few letters."""
    if value == NONE:
        return NONE
    low, _, high = interval.partition(" to ")
    return (
        f"{float(value):.3f} ({float(low):.3f}-{float(high):.3f})" if high else f"{float(value):.3f} ({NONE})"
    )


def _bucket(row: dict[str, Any]) -> str:
    return f"{row['from']} or more" if row["to"] is None else f"{row['from']} to {row['to']}"


def _compared(against: dict[str, Any]) -> list[str]:
    interval = against["difference_ci95"]
    told = "no interval: all texts are of one group" if interval is None else f"{span(interval, '+')}, paired"
    return [
        f"against {against['run_dir']}, on the same reviews:",
        f"its accuracy      {against['accuracy']:.4f}",
        f"difference        {against['difference']:+.4f}  ({told})",
        f"right alone       {against['only_ours_right']:,} this one, {against['only_theirs_right']:,} that "
        f"one; McNemar's exact p = {against['p_value']:.2g}",
    ]


def _pairs(metrics: dict[str, Any]) -> list[str]:
    pairs = confused_pairs(metrics, _SHOWN_PAIRS)
    width = len(f"{pairs[0][2]:,}") if pairs else 0
    return ["most often confused:"] * bool(pairs) + [
        f"{count:{width},}  {true}, taken for {predicted} ({share} of its texts)"
        for true, predicted, count, share in pairs
    ]


def _confusion(metrics: dict[str, Any]) -> list[str]:
    names, counts = metrics["labels"], metrics["confusion"]
    width = max(map(len, names))
    columns = [
        max(len(name), *(len(f"{row[place]:,}") for row in counts)) for place, name in enumerate(names)
    ]
    lines = [(name, [f"{n:,}" for n in row]) for name, row in zip(names, counts, strict=True)]
    return [
        "confusion, a line a true label:",
        *(
            f"{name:{width}}  " + "  ".join(cell.rjust(w) for cell, w in zip(cells, columns, strict=True))
            for name, cells in [("", names), *lines]
        ),
    ]
