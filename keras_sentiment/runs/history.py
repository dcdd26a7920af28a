"""`history.csv`: a row an epoch."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping

from keras_sentiment.errors import InputError
from keras_sentiment.runs.run import Run

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


def write_history(run: Run, rows: Iterable[Mapping[str, float]]) -> None:
    """Writes the rows, each by the names of `HISTORY_FIELDS` and in their order."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HISTORY_FIELDS)
    for row in rows:
        writer.writerow([f"{v:.6g}" if isinstance(v, float) else v for v in row.values()])
    run.write(run.history.name, text.getvalue())


def read_history(run: Run) -> list[dict[str, float]]:
    """Returns the rows, none if the file is not there: a run works without it.

    Raises:
        InputError: it is damaged.
    """
    if not run.history.is_file():
        return []
    try:
        with run.history.open(newline="", encoding="utf-8") as file:
            rows = [{name: float(row[name]) for name in HISTORY_FIELDS} for row in csv.DictReader(file)]
    except (OSError, ValueError, TypeError, KeyError, csv.Error) as error:
        raise InputError(f"{run.history}: it is damaged ({error!r:.200}); delete it") from None
    return rows
