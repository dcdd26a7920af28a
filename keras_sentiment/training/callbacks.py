"""Callbacks of `model.fit`: progress, history, a watch over the loss."""

from __future__ import annotations

import math
import time
from typing import Any

import keras
from tqdm import tqdm

from keras_sentiment.batches.review_batches import ReviewBatches
from keras_sentiment.errors import InputError
from keras_sentiment.messages import tell
from keras_sentiment.runs.history import HISTORY_FIELDS, write_history
from keras_sentiment.runs.run import Run

NAMED_REVIEWS = 20  # at most, of the batch that spoiled the loss


class Progress(keras.callbacks.Callback):
    """A bar within an epoch and a line at its end, on standard error; Keras's own go to standard output."""

    def __init__(self, train: ReviewBatches, epochs: int) -> None:
        super().__init__()
        self._train, self._epochs = train, epochs

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        # disable=None: no bar where standard error is not a terminal.
        self._bar = tqdm(
            initial=self._train.first,
            total=self._train.steps,
            desc=f"epoch {epoch + 1}/{self._epochs}",
            unit="batch",
            leave=False,
            disable=None,
        )

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        done = self._train.first + batch + 1
        with self._bar.get_lock():  # Keras calls from several threads, and not in order
            if not self._bar.disable and done > self._bar.n:
                self._bar.set_postfix({k: f"{v:.4f}" for k, v in (logs or {}).items()}, refresh=False)
                self._bar.update(done - self._bar.n)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._bar.close()
        figures = ", ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items())
        optimizer = self.model.optimizer
        if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
            skipped = (epoch + 1) * self._train.steps - int(optimizer.iterations)
            figures += f", {skipped} steps skipped so far for gradients beyond float16"
        tell(f"epoch {epoch + 1}/{self._epochs}: {figures}")


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
        write_history(self._run, self.rows)

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
        write_history(self._run, self.rows)


class LossWatch(keras.callbacks.Callback):
    """Stops training at the first step whose loss is not a number, and names its reviews."""

    async_safe = True

    def __init__(self, run: Run, train: ReviewBatches) -> None:
        super().__init__()
        self._run, self._train = run, train

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = epoch
        self._seen: list[int] = []
        self._bad: list[int] = []

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        # The mean over the epoch so far: once it is no number, it stays none.
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
        # The losses come in from several threads, out of order: the first bad one may be still to come.
        while len(self._seen) <= max(self._bad):
            time.sleep(0.001)
        step = self._train.first + min(self._bad)
        sources = self._train.sources(step)
        names = ", ".join(sources[:NAMED_REVIEWS]) + (", …" if sources[NAMED_REVIEWS:] else "")
        raise InputError(
            f"{self._run.path}: the loss is not a number at step {step + 1} of epoch {self._epoch + 1}; its "
            f"{len(sources)} reviews are {names}; train again with a lower --learning-rate"
        )
