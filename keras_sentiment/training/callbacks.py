"""What a person sees of a training while it runs."""

from __future__ import annotations

import sys
from typing import Any

import keras
from tqdm import tqdm

from keras_sentiment.batches.review_batches import ReviewBatches


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
        print(f"epoch {epoch + 1}/{self._epochs}: {figures}", file=sys.stderr)
