"""Callbacks of `model.fit`: progress, history, and a check of the loss."""

from __future__ import annotations

import math
import threading
import time
from typing import Any

import keras

from keras_sentiment.batches.review_batches import ReviewBatches
from keras_sentiment.errors import InputError
from keras_sentiment.messages import tell
from keras_sentiment.progress import Progress
from keras_sentiment.quantities import duration, figure, plural
from keras_sentiment.runs.history import HISTORY_FIELDS, write_history
from keras_sentiment.runs.run import Run

NAMED_REVIEWS = 20  # at most, of the batch whose loss is not a number


class TrainingProgress(keras.callbacks.Callback):
    """Shows how far a training is, and prints a line at the end of each epoch, both on standard error.

    The batches of validation count too, so that the time that is left is that of the whole training; it is
    less where early stopping ends it. Keras's own bar goes to standard output and ends with each epoch.

    Args:
        progress: of `batches` for each epoch.
        train: the batches that train.
        validation: the batches that follow them in each epoch.
        epochs: int, at most.
    """

    async_safe = True

    def __init__(
        self, progress: Progress, train: ReviewBatches, validation: ReviewBatches, epochs: int
    ) -> None:
        super().__init__()
        self._progress, self._train, self._validation, self._epochs = progress, train, validation, epochs
        self._lock = threading.Lock()  # Keras calls from several threads, and not in order
        self._before = 0  # batches of the epochs before this one

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._begin = time.perf_counter()
        self._before = epoch * (self._train.steps + self._validation.steps)
        self._progress.rename(f"Training, epoch {epoch + 1} of {self._epochs}")

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        loss = (logs or {}).get("loss")
        note = "" if loss is None else f"loss {figure(loss, len(self._train.split))}"
        self._show(self._before + self._train.first + batch + 1, note)

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._show(self._before + self._train.steps + batch + 1)

    def _show(self, done: int, note: str = "") -> None:
        with self._lock:
            if done > self._progress.done:
                self._progress.update(done - self._progress.done, note)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._show(self._before + self._train.steps + self._validation.steps)
        optimizer, skipped = self.model.optimizer, ""
        if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
            steps = (epoch + 1) * self._train.steps - int(optimizer.iterations)
            skipped = f"; {plural(steps, 'step')} skipped so far, whose gradients were beyond float16"
        seconds = duration(time.perf_counter() - self._begin)
        tell(f"Epoch {epoch + 1} of {self._epochs} in {seconds}: {self._figures(logs or {})}{skipped}")

    def _figures(self, logs: dict[str, Any]) -> str:
        """Returns the figures of an epoch, each with the digits that its texts justify."""
        of_train = {name: value for name, value in logs.items() if not name.startswith("val_")}
        of_validation = {name: logs[f"val_{name}"] for name in of_train if f"val_{name}" in logs}
        parts = (
            ", ".join(
                f"{name} {figure(value, len(batches.split))}"
                for name, value in sorted(found.items(), reverse=True)
            )
            for found, batches in ((of_train, self._train), (of_validation, self._validation))
        )
        return "train {}; validation {}".format(*parts)


class EpochRecord(keras.callbacks.Callback):
    """Writes one row for each epoch to `history.csv`; seconds and speed are those without validation.

    Attributes:
        rows: the rows so far, by the names of `HISTORY_FIELDS`.
        seconds_before: float, spent on this epoch before an interruption.
    """

    async_safe = True

    def __init__(self, run: Run, reviews: int) -> None:
        super().__init__()
        self._run, self._reviews = run, reviews
        self.rows: list[dict[str, float]] = []
        self.seconds_before = 0.0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        write_history(self._run, self.rows)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._begin = time.perf_counter()
        self._ends: list[float] = []

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._ends.append(time.perf_counter())

    def seconds(self) -> float:
        """Returns how many seconds the steps of this epoch have taken."""
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
        write_history(self._run, self.rows)


class LossWatch(keras.callbacks.Callback):
    """Stops training at the first step whose loss is not a number, and names the reviews of its batch."""

    async_safe = True

    def __init__(self, run: Run, train: ReviewBatches) -> None:
        super().__init__()
        self._run, self._train = run, train

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = epoch
        self._seen: list[int] = []
        self._bad: list[int] = []

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        # The loss is the mean over the epoch so far: once it is not a number, it stays so.
        if not math.isfinite((logs or {})["loss"]):
            self._bad.append(batch)
        self._seen.append(batch)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._require_numbers()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._require_numbers()

    def _require_numbers(self) -> None:
        if not self._bad:
            return
        # Losses arrive from several threads, out of order: an earlier bad one may still be missing.
        while len(self._seen) <= max(self._bad):
            time.sleep(0.001)
        step = self._train.first + min(self._bad)
        sources = self._train.sources(step)
        names = ", ".join(sources[:NAMED_REVIEWS]) + (", …" if sources[NAMED_REVIEWS:] else "")
        raise InputError(
            f"{self._run.path}: the loss is not a number at step {step + 1} of epoch {self._epoch + 1}; its "
            f"{len(sources)} reviews are {names}; train again with a lower --learning-rate"
        )
