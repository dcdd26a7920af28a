"""`history.csv`: one row for each epoch."""

from __future__ import annotations

import csv
import io
import itertools
import math
import os
from collections.abc import Iterable, Mapping

from keras_sentiment.errors import InputError
from keras_sentiment.runs.run import Run
from keras_sentiment.storage.json_files import read_text

HISTORY_FIELDS = (
    "epoch",
    "seconds",
    "reviews_per_second",
    "loss",
    "accuracy",
    "val_loss",
    "val_accuracy",
    "learning_rate",
)

# Limits for a file that somebody else wrote: a float32 loss is below 1e39.
MOST, MOST_EPOCHS = 1e39, 100_000


def write_history(run: Run, rows: Iterable[Mapping[str, float]]) -> None:
    """Writes the rows, each with the keys `HISTORY_FIELDS` in this order."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HISTORY_FIELDS)
    for row in rows:
        writer.writerow([f"{v:.6g}" if isinstance(v, float) else v for v in row.values()])
    run.write(run.history.name, text.getvalue())


def read_history(run: Run) -> list[dict[str, float]]:
    """Returns the rows; none if the file is missing, since a run works without it.

    Raises:
        InputError: it is damaged.
    """
    if not os.path.lexists(run.history):
        return []
    try:
        reader = csv.DictReader(io.StringIO(read_text(run.history)))
        rows = [_row(row) for row in itertools.islice(reader, MOST_EPOCHS + 1)]
        if len(rows) > MOST_EPOCHS:
            raise ValueError(f"more than {MOST_EPOCHS:,} epochs")
    except (ValueError, TypeError, KeyError, csv.Error) as error:
        raise InputError(f"{run.history}: it is damaged ({error!s:.200}); delete it") from None
    return rows


def _row(row: dict[str, str]) -> dict[str, float]:
    found = {name: float(row[name]) for name in HISTORY_FIELDS}
    if any(math.isfinite(value) and abs(value) >= MOST for value in found.values()):
        raise ValueError("a number is too large")
    if not found["epoch"].is_integer() or not 1 <= found["epoch"] <= MOST_EPOCHS:
        raise ValueError("an epoch has no number")
    return found
