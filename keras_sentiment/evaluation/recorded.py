"""Checks the evaluations in `metrics.json`, which other people or programs may have written."""

from __future__ import annotations

import re
from typing import Any

from keras_sentiment.evaluation.seen_texts import seen_warnings
from keras_sentiment.evaluation.tables import baseline_rows, figure, figure_rows, label_rows, left_out, span

SPLITS = ("train", "validation", "test", "all")
MOST_SHOWN = 100  # evaluations in a card or report
_FINGERPRINT = re.compile("[0-9a-f]{64}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOST_CHARACTERS = 1000  # of a name, or of a reason why a figure is absent
_MOST_LENGTHS = 100  # rows of accuracy by length
_MOST_LOSS = 1000  # a cross-entropy of float64 probabilities is below
_WRONG = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError)

Recorded = dict[str, dict[str, Any]]


def shown(recorded: Recorded, split: str, fingerprint: str) -> tuple[Recorded, int]:
    """Returns the latest `MOST_SHOWN` of the valid evaluations, and how many others there are.

    Args:
        recorded: what `metrics.json` holds, by split and fingerprint.
        split: of the evaluation that was made last, which is always among those returned.
        fingerprint: of the same.
    """
    places = [(part, key) for part, found in recorded.items() for key in found]
    ours = [
        (part, key)
        for part, key in places
        if part in SPLITS and _FINGERPRINT.fullmatch(key) and is_ours(recorded[part][key])
    ]
    latest = sorted(
        ours, key=lambda place: (place == (split, fingerprint), recorded[place[0]][place[1]]["date"])
    )[-MOST_SHOWN:]
    kept: Recorded = {}
    for part, key in ours:
        if (part, key) in latest:
            kept.setdefault(part, {})[key] = recorded[part][key]
    return kept, len(places) - len(latest)


def is_ours(metrics: Any) -> bool:
    """Returns whether a value has all figures of an evaluation, each of a type that can be shown."""
    try:
        texts = [metrics["data"], metrics["date"], metrics["precision"], *metrics["absent"].values()]
        texts += [metrics["baselines"]["majority"]["label"], *metrics["labels"]]
        texts += [metrics["against"]["run_dir"]] if "against" in metrics else []
        if not all(isinstance(text, str) and len(text) <= _MOST_CHARACTERS for text in texts):
            return False
        counts = [metrics["examples"], metrics["seen_in_training"], metrics["labels_left_out"]]
        counts += [metrics["baselines"]["tfidf"]["trained_on"], *metrics["support"].values()]
        rows, labels = metrics["by_length"], metrics["labels"]
        # Each has a row in a table.
        if len(rows) > _MOST_LENGTHS or len(labels) != len({*labels}) or {*labels} != {*metrics["support"]}:
            return False
        counts += [row["reviews"] for row in rows] + [row["from"] for row in rows]
        if not all(type(count) is int and 0 <= count < 1 << 63 for count in counts):
            return False
        for row in rows:
            (figure(row["accuracy"]), span(row["accuracy_ci95"]), row["to"])
        (figure_rows(metrics), label_rows(metrics), baseline_rows(metrics), left_out(metrics))
        seen_warnings(metrics, "")
        shares = [metrics[name] for name in ("accuracy", "f1", "roc_auc", "ece", "class_ece")]
        if any(share is not None and not 0 <= share <= 1 for share in shares):
            return False
        if any(
            each is not None and not 0 <= each < _MOST_LOSS for each in (metrics["loss"], metrics["brier"])
        ):
            return False
        return _DATE.match(metrics["date"]) is not None
    except _WRONG:
        return False
