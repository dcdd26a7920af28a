"""The counts of a prepared corpus as text, and warnings about them."""

from __future__ import annotations

from typing import Any

from keras_sentiment.data.config import PrepareConfig
from keras_sentiment.data.corpus_files import REJECTED_FILE, UNLABELLED
from keras_sentiment.escaping import printable
from keras_sentiment.quantities import plural
from keras_sentiment.text_table import text_table

MAX_SHOWN_LABELS = 10


def corpus_warnings(info: dict[str, Any], config: PrepareConfig) -> list[str]:
    """Return warnings about the counts of a corpus: unknown tokens, tokens a word, dropped copies."""
    splits, dropped = info["splits"], info["dropped"]["train"]
    tokens, unknown, words = (
        sum(split[key] for split in splits.values()) for key in ("tokens", "unknown_tokens", "words")
    )
    found = []
    if unknown > config.unknown_warning * tokens:
        found.append(f"{unknown / tokens:.0%} of the tokens are not in the tokenizer's vocabulary")
    if tokens > config.pieces_warning * words:
        found.append(f"the tokenizer cuts a word into {tokens / words:.1f} pieces on average")
    found = [f"{fact}; for reviews in another language choose a --tokenizer made for it" for fact in found]
    before = splits["train"]["reviews"] + dropped
    if dropped > config.copies_warning * before:
        found.append(
            f"{dropped:,} of {before:,} train reviews are dropped, because validation or test has the same "
            "text"
        )
    return found


def summarize(info: dict[str, Any]) -> str:
    """Return the counts of a prepared corpus: a table with a column for each split, and a few lines.

    Args:
        info: content of `data.json`.
    """
    dropped = ", ".join(f"{count:,} from {name}" for name, count in info["dropped"].items())
    lines = [
        *text_table(_count_rows(info)),
        f"texts dropped because a later split has the same text: {dropped}",
        f"texts with more than one label: {info['contradictions']:,}",
    ]
    if info["rejected"]:
        lines.append(f"rows left out: {info['rejected']:,}, listed in {REJECTED_FILE}")
    if renamed := {found: name for found, name in info["label_names"].items() if found != name}:
        pairs = ", ".join(f"{found} -> {name}" for found, name in sorted(renamed.items()))
        lines.append(f"labels renamed: {pairs}")
    return "\n".join(map(printable, lines))


def _count_rows(info: dict[str, Any]) -> list[list[str]]:
    """Return the cells of the table: reviews, tokens, groups, and the most frequent labels."""
    splits = list(info["splits"].values())
    more = [info[UNLABELLED]] if UNLABELLED in info else []
    rows = [["", *info["splits"], *([UNLABELLED] if more else [])]]
    rows += [[key, *(f"{part[key]:,}" for part in [*splits, *more])] for key in ("reviews", "tokens")]
    if any(split["groups"] is not None for split in splits):
        rows.append(
            ["groups", *("-" if split["groups"] is None else f"{split['groups']:,}" for split in splits)]
        )
    totals = {name: sum(split["labels"].get(name, 0) for split in splits) for name in info["labels"]}
    frequent = sorted(totals, key=lambda name: -totals[name])[:MAX_SHOWN_LABELS]
    for name in sorted(frequent):
        rows.append([f"label {name}", *(f"{split['labels'].get(name, 0):,}" for split in splits)])
    if others := [name for name in totals if name not in frequent]:
        counts = (sum(split["labels"].get(name, 0) for name in others) for split in splits)
        title = plural(len(others), "other label")
        rows.append([title, *(f"{count:,}" for count in counts)])
    return [[*row, *[""] * (len(rows[0]) - len(row))] for row in rows]
