"""Checkpoints during training, resuming from one, and ending at a signal."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import keras
import numpy as np

from keras_sentiment.batches.review_batches import ReviewBatches
from keras_sentiment.errors import InputError
from keras_sentiment.messages import tell
from keras_sentiment.runs.history import HISTORY_FIELDS
from keras_sentiment.training.callbacks import EpochRecord
from keras_sentiment.training.checkpoint_file import (
    Arrays,
    Checkpoint,
    frozen_checksum,
    random_state,
    restore,
    set_random_state,
    to_arrays,
    trainable_state,
)
from keras_sentiment.training.run_writer import TrainingRun
from keras_sentiment.training_config import CheckpointConfig

# Attributes of an EarlyStopping that a new call of `fit` resets.
_STOPPING = ("wait", "best", "best_epoch", "stopped_epoch")


class Interrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM arrived during training; the message says how to go on.

    Args:
        number: int, the signal's.
    """

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.number = number


class Checkpoints(keras.callbacks.Callback):
    """Writes checkpoints of a run, resumes from one, and ends training at a signal.

    Keras's `BackupAndRestore` repeats an interrupted epoch from its beginning with the weights of its middle,
    and does not save seeds, early stopping and the best epoch.

    This must be the last callback, since it saves the state of the others. It changes the model only in
    methods that Keras calls from the training thread.

    If several processes train, one of them writes, and each ends by itself at a signal.

    Args:
        run: the checkpoints go to its `checkpoints/`.
        full_model: the whole model of the run; only its upper part may train.
        train: the batches, whose order is a function of (seed, epoch).
        stopping: early stopping, which has the best epoch.
        record: the history.
        config: how often checkpoints are written, and how many are kept.
    """

    async_safe = True

    def __init__(
        self,
        run: TrainingRun,
        full_model: keras.Model,
        train: ReviewBatches,
        stopping: keras.callbacks.EarlyStopping,
        record: EpochRecord,
        config: CheckpointConfig,
    ) -> None:
        super().__init__()
        self._run, self._train, self._config = run, train, config
        self._stopping, self._record = stopping, record
        self._frozen = frozen_checksum(full_model)
        # The last checkpoint has `_step` steps of `_epoch`; `_ended` says that training has ended.
        self._epoch, self._step, self._ended = 0, 0, False
        self._known: dict[str, Any] = {}
        self._found: Checkpoint | None = None
        self._random: Arrays = {}
        self._signal = 0
        self._handlers: dict[int, Any] = {}

    def find(self) -> None:
        """Reads the newest checkpoint that is not damaged, if there is one.

        Raises:
            InputError: its frozen weights differ from those of the model.
        """
        for path in reversed(self._files("step")):
            found = Checkpoint.read(path)
            # A file may be manipulated: `fit` would never end an epoch that it starts beyond its last step.
            if found is not None and _is_state(found.state) and found.state["step"] < self._train.steps:
                self._found = found
                break
            tell(f"{path}: the checkpoint is damaged; the one before it is used, if there is one.")
        else:
            return
        state = found.state
        if state["frozen"] != self._frozen:
            raise InputError(
                f"{path}: its frozen weights differ from the model's (another preset or n-grams); train again"
            )
        self._epoch, self._step, self._ended = state["epoch"], state["step"], state["ended"]
        self._known, self._random = state["stopping"], found.arrays
        self._record.rows, self._record.seconds_before = state["rows"], state["seconds"]

    @property
    def begun(self) -> tuple[int, int]:
        """The epochs that are done, and the steps of the next one."""
        return self._epoch, self._step

    @property
    def best_epoch(self) -> int:
        """The epoch, counted from 0, of the best validation loss."""
        return int(self._known["best_epoch"])

    def epoch_ranges(self, epochs: int) -> Iterator[range]:
        """Yields the epochs of each call of `fit` that remains, after setting the batches to begin there.

        An interrupted epoch needs a call of its own: Keras counts the batches of an epoch once in each call.
        """
        if self._step:
            self._train.start_epoch(self._epoch, self._step)
            yield range(self._epoch, self._epoch + 1)
        if self._epoch < epochs and not self._ended:
            self._train.start_epoch(self._epoch)
            yield range(self._epoch, epochs)

    def restore_weights(self, model: keras.Model, best: bool) -> None:
        """Assigns to a model the weights of the best epoch, or of the last one.

        Raises:
            InputError: the weights are damaged.
        """
        if best:
            path = self._best(self.best_epoch)
            found = Checkpoint.read(path)
            if found is None:
                raise InputError(f"{path}: the weights of the best epoch are damaged; train again")
            restore(model.trainable_variables, "best", found.arrays)
        elif self._found is not None:  # `fit` was not called
            restore(trainable_state(model), "model", self._found.arrays)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        vars(self._stopping).update(self._known)
        self._handlers = {}
        if threading.current_thread() is threading.main_thread():  # only this thread may set them
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) != signal.SIG_IGN:  # as of a job in a shell's background
                    self._handlers[number] = signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._signal = number
        self._restore_handlers()  # a second signal ends the process at once

    def _restore_handlers(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers = {}

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self._found is not None:
            model, arrays = self.model, self._found.arrays
            if self._step:
                # tensorflow would create the variables of the metrics in the first step.
                model.test_on_batch(*self._train[0])
                restore(model.metrics_variables, "metrics", arrays)
            restore(trainable_state(model), "model", arrays)
            restore(model.optimizer.variables, "optimizer", arrays)
        # A new call of `fit` has drawn random numbers.
        set_random_state(self._random)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        done = self._train.first + batch
        if self._found is not None:
            if self._step:  # the beginning of the epoch has drawn random numbers
                set_random_state(self._random)
            self._found = None
        due = done - self._step >= self._config.steps or done == self._train.steps - 1
        # Other processes have not got the signal, and would not save with this one.
        alone = self._run.devices.processes == 1
        if (due or (self._signal and alone)) and done > self._step and self._train.can_begin_at(done):
            self._step = done
            self._save()
        if self._signal and (self._step == done or not alone):
            self._interrupt()

    def on_test_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self._signal:
            self._interrupt()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._known = {name: getattr(self._stopping, name) for name in _STOPPING}
        if self._known["best_epoch"] == epoch and self._run.devices.writes:
            weights = to_arrays("best", self.model.trainable_variables)
            Checkpoint(weights, {}).write(self._best(epoch))
        self._epoch, self._step, self._ended = epoch + 1, 0, self.model.stop_training
        self._save()
        if self._signal:
            self._interrupt()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._restore_handlers()

    def _save(self) -> None:
        if not self._run.devices.writes:
            return
        model = self.model  # reading it updates its variables on jax
        arrays = to_arrays("model", trainable_state(model))
        if not all(np.isfinite(array).all() for array in arrays.values()):
            return  # LossWatch reports it
        arrays |= to_arrays("optimizer", model.optimizer.variables)
        if self._step:
            arrays |= to_arrays("metrics", model.metrics_variables)
        self._random = random_state()
        state = {
            "epoch": self._epoch,
            "step": self._step,
            "ended": self._ended,
            "stopping": self._known,
            "rows": self._record.rows,
            "seconds": self._record.seconds() if self._step else 0.0,
            "frozen": self._frozen,
        }
        path = self._run.checkpoints / f"step-{self._epoch:05}-{self._step:07}.npz"
        Checkpoint(arrays | self._random, state).write(path)
        for old in self._files("step")[: -self._config.max_to_keep]:
            old.unlink()
        # Each checkpoint that is kept may need the weights of another best epoch.
        for old in self._files("best")[: -self._config.max_to_keep - 1]:
            old.unlink()

    def _interrupt(self) -> None:
        self._restore_handlers()
        done = f"up to step {self._step} of epoch {self._epoch + 1}"
        raise Interrupted(
            f"Interrupted. {self._run.path} is saved {done}. Go on with the same command and --resume.",
            self._signal,
        )

    def _files(self, kind: str) -> list[Path]:
        return sorted(self._run.checkpoints.glob(f"{kind}-*.npz"))

    def _best(self, epoch: int) -> Path:
        return self._run.checkpoints / f"best-{epoch:05}.npz"


def _is_state(state: dict[str, Any]) -> bool:
    """Whether a state has the entries and types that `_save` writes: the file may be manipulated."""
    kinds = {"epoch": int, "step": int, "ended": bool, "stopping": dict, "rows": list, "seconds": float}
    kinds["frozen"] = int
    if state.keys() != kinds.keys() or any(type(state[name]) is not kind for name, kind in kinds.items()):
        return False
    stopping, rows = state["stopping"], state["rows"]
    numbers = [number for number in stopping.values() if number is not None]
    for row in rows:
        if not isinstance(row, dict) or row.keys() != set(HISTORY_FIELDS):
            return False
        numbers += row.values()
    counts = state["epoch"] >= 0 and state["step"] >= 0 and stopping.keys() <= set(_STOPPING)
    return counts and all(type(number) in (int, float) for number in numbers)
