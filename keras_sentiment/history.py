"""`history.csv`: a row an epoch."""

from __future__ import annotations

import csv
import time
from typing import Any

import keras

from keras_sentiment.bundle import Run

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
    """Writes a row an epoch to `history.csv`, seconds and speed of training alone."""

    def __init__(self, run: Run, reviews: int) -> None:
        super().__init__()
        self._path, self._reviews = run.history, reviews

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        with self._path.open("w", newline="") as file:
            csv.writer(file).writerow(HISTORY_FIELDS)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._begin = time.perf_counter()
        self._ends: list[float] = []

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._ends.append(time.perf_counter())

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        seconds = max(self._ends) - self._begin  # without validation
        row = {
            **(logs or {}),
            "epoch": epoch + 1,
            "seconds": seconds,
            "reviews_per_second": self._reviews / seconds,
            "learning_rate": float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
        }
        with self._path.open("a", newline="") as file:
            values = [row[name] for name in HISTORY_FIELDS]
            csv.writer(file).writerow([f"{v:.6g}" if isinstance(v, float) else v for v in values])


def read_history(run: Run) -> list[dict[str, float]]:
    """Returns the rows, none if the file is not there: a bundle works without it."""
    if not run.history.is_file():
        return []
    with run.history.open(newline="", encoding="utf-8") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
