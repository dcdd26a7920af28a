"""`history.csv`: a row an epoch."""

from __future__ import annotations

import csv
import io
import time
from typing import Any

import keras

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


class EpochRecord(keras.callbacks.Callback):
    """Writes a row an epoch to `history.csv`, seconds and speed of training alone.

    Attributes:
        rows: the rows so far, by the names of `HISTORY_FIELDS`.
        seconds_before: float, spent on this epoch before training was interrupted in it.
    """

    async_safe = True

    def __init__(self, run: Run, reviews: int) -> None:
        super().__init__()
        self._run, self._reviews = run, reviews
        self.rows: list[dict[str, float]] = []
        self.seconds_before = 0.0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._write()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._begin = time.perf_counter()
        self._ends: list[float] = []

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._ends.append(time.perf_counter())

    def seconds(self) -> float:
        """Returns how long the epoch's steps have taken."""
        return self.seconds_before + max(self._ends, default=self._begin) - self._begin

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        seconds = self.seconds()
        self.seconds_before = 0.0
        found = {
            **(logs or {}),
            "epoch": epoch + 1,
            "seconds": seconds,
            "reviews_per_second": self._reviews / seconds,
            "learning_rate": float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
        }
        self.rows.append({name: found[name] for name in HISTORY_FIELDS})
        self._write()

    def _write(self) -> None:
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(HISTORY_FIELDS)
        for row in self.rows:
            writer.writerow([f"{v:.6g}" if isinstance(v, float) else v for v in row.values()])
        self._run.write(self._run.history.name, text.getvalue())


def read_history(run: Run) -> list[dict[str, float]]:
    """Returns the rows, none if the file is not there: a bundle works without it.

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
