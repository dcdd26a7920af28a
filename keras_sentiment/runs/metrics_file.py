"""`metrics.json`: the figures of `evaluate`, by split and fingerprint of the data."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from keras_sentiment.errors import InputError
from keras_sentiment.runs.run import Run
from keras_sentiment.runs.run_files import METRICS_FILE
from keras_sentiment.storage.json_files import read_object
from keras_sentiment.storage.locks import lock, unlock


def record_metrics(run: Run, split: str, fingerprint: str, metrics: dict[str, Any]) -> dict[str, Any]:
    """Adds the figures of one evaluation to `metrics.json`.

    Returns:
        All figures that the file now holds, by split and fingerprint.

    Raises:
        InputError: the file is damaged or can't be written.
    """
    held = lock(run.path, wait_seconds=10)
    try:
        path = run.path / METRICS_FILE
        recorded = _recorded(path)
        recorded.setdefault(split, {})[fingerprint] = metrics
        with _damaged(path):
            text = as_json(recorded)
        run.write(METRICS_FILE, text)
    finally:
        unlock(held)
    return recorded


def as_json(recorded: dict[str, Any]) -> str:
    """Returns the text of the file, with one line for each figure."""
    splits = {split: _lines(map(_entry, found.items()), 2) for split, found in recorded.items()}
    return _lines((f"{json.dumps(split)}: {text}" for split, text in splits.items()), 1) + "\n"


def _entry(item: tuple[str, Any]) -> str:
    fingerprint, metrics = item
    if not isinstance(metrics, dict):
        return f"{json.dumps(fingerprint)}: {json.dumps(metrics)}"
    figures = (f"{json.dumps(name)}: {json.dumps(value)}" for name, value in metrics.items())
    return f"{json.dumps(fingerprint)}: {_lines(figures, 3)}"


def _lines(entries: Iterable[str], depth: int) -> str:
    """Returns a JSON object with one line for each entry."""
    indent = " " * depth
    inside = ",\n".join(f"{indent}{entry}" for entry in entries)
    return f"{{\n{inside}\n{indent[1:]}}}" if inside else "{}"


def _recorded(path: Path) -> dict[str, dict[str, Any]]:
    with _damaged(path):
        recorded = read_object(path) if os.path.lexists(path) else {}
        if any(not isinstance(part, dict) for part in recorded.values()):
            raise InputError("a split is no object")
    return recorded


@contextlib.contextmanager
def _damaged(path: Path) -> Iterator[None]:
    try:
        yield
    except (InputError, RecursionError) as error:
        reason = str(error).removeprefix(str(InputError(str(path)))).removesuffix("; restore it").strip(" :")
        raise InputError(f"{path}: it can't be read ({reason}); delete it and evaluate again") from None
