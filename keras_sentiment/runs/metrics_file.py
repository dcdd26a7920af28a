"""`metrics.json`: what `evaluate` found, by split and by fingerprint of the data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from keras_sentiment.errors import InputError
from keras_sentiment.runs.run import Run
from keras_sentiment.runs.run_files import METRICS_FILE
from keras_sentiment.storage.json_files import read_object
from keras_sentiment.storage.locks import lock, unlock


def record_metrics(run: Run, split: str, fingerprint: str, metrics: dict[str, Any]) -> dict[str, Any]:
    """Adds figures to those of a run.

    Returns:
        All that the file holds now, by split and fingerprint.

    Raises:
        InputError: what is there is damaged, or nothing can be written.
    """
    held = lock(run.path, wait_seconds=10)
    try:
        recorded = _recorded(run.path / METRICS_FILE)
        recorded.setdefault(split, {})[fingerprint] = metrics
        run.write(METRICS_FILE, as_json(recorded))
    finally:
        unlock(held)
    return recorded


def as_json(recorded: dict[str, Any]) -> str:
    """Returns the text of the file."""
    return json.dumps(recorded, indent=1) + "\n"


def _recorded(path: Path) -> dict[str, dict[str, Any]]:
    try:
        recorded = read_object(path) if path.is_file() else {}
        if any(not isinstance(part, dict) for part in recorded.values()):
            raise InputError("a split is no object")
    except InputError as error:
        raise InputError(f"{path}: it can't be read ({error}); delete it and evaluate again") from None
    return recorded
