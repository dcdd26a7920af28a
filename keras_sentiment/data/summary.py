"""What a person is told of a prepared corpus: its counts, and what is doubtful."""

from __future__ import annotations

from typing import Any

from keras_sentiment.data.config import PrepareConfig
from keras_sentiment.data.corpus_files import REJECTED_FILE, UNLABELLED
from keras_sentiment.escaping import printable

MAX_LISTED = 10  # labels of a split


def corpus_warnings(info: dict[str, Any], config: PrepareConfig) -> list[str]:
    """Return a line for each thing about its counts that a user should look at."""
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
    whole = splits["train"]["reviews"] + dropped
    if dropped > config.copies_warning * whole:
        found.append(
            f"{dropped:,} of {whole:,} train reviews are dropped: copies of a text in validation or test"
        )
    return found


def _counted(count: int, name: str) -> str:
    return f"{count:,} {name}{'' if count == 1 else 's'}"


def _size(split: dict[str, Any]) -> str:
    reviews, tokens = _counted(split["reviews"], "review"), _counted(split["tokens"], "token")
    return f"{reviews:>17}, {tokens:>19}"


def _labels(counts: dict[str, int]) -> str:
    """Returns how many texts each label has: of many labels the most frequent ones."""
    listed = list(counts.items())
    if len(listed) > MAX_LISTED:
        listed.sort(key=lambda item: -item[1])
    shown = ", ".join(f"label {label}: {count:,}" for label, count in listed[:MAX_LISTED])
    more = len(counts) - MAX_LISTED
    return shown + (f", and {_counted(more, 'rarer label')}" if more > 0 else "")


def summarize(info: dict[str, Any]) -> str:
    """Return the counts of a prepared corpus as a few readable lines."""
    width = max(len(name) for name in info["splits"])
    lines = []
    for name, split in info["splits"].items():
        groups = "" if split["groups"] is None else f"; {_counted(split['groups'], 'group')}"
        lines.append(f"{name:<{width}}  {_size(split)}{groups}")
        if split["reviews"]:
            lines.append(f"{'':<{width}}  {_labels(split['labels'])}")
    if more := info.get(UNLABELLED):
        lines.append(f"{UNLABELLED:<{width}}  {_size(more)}")
    dropped = ", ".join(f"{count:,} from {name}" for name, count in info["dropped"].items())
    lines.append(f"texts dropped because a later split has them too: {dropped}")
    lines.append(f"texts that occur with more than one label: {info['contradictions']:,}")
    if info["rejected"]:
        lines.append(f"rows left out: {info['rejected']:,}, listed in {REJECTED_FILE}")
    if renamed := {found: name for found, name in info["label_names"].items() if found != name}:
        lines.append(f"labels: {', '.join(f'{found} is {name}' for found, name in sorted(renamed.items()))}")
    return "\n".join(map(printable, lines))
