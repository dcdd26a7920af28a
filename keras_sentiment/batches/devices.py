"""The devices that share a batch in training: one, several, or several of each of several processes.

The one place that asks jax itself: of Keras's backends it alone has a distribution library.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import keras
import numpy as np

from keras_sentiment.errors import InputError, require
from keras_sentiment.models.precision import with_precision

# What `keras.distribution.initialize` reads.
_ENVIRONMENT = "KERAS_DISTRIBUTION_"


@dataclass(frozen=True)
class Devices:
    """Who computes a batch.

    Args:
        names: the devices of all processes, as Keras calls them, those of a process side by side; empty where
            Keras's own choice of one is left to it.
        processes: int, that train together, each with the same command.
        process: int in [0, processes), this one; 0 writes the run.
    """

    names: tuple[str, ...] = ()
    processes: int = 1
    process: int = 0

    @property
    def count(self) -> int:
        """How many devices there are in all processes."""
        return max(1, len(self.names))

    @property
    def writes(self) -> bool:
        """Whether this process is the one that writes the run."""
        return self.process == 0

    def padded(self, rows: int) -> int:
        """Returns how many rows a batch has when each device gets as many."""
        return -(-rows // self.count) * self.count

    def share(self, rows: np.ndarray) -> np.ndarray:
        """Returns this process's part of the rows of a batch: it may be short, or empty."""
        size = self.padded(len(rows)) // self.processes
        return rows[self.process * size : (self.process + 1) * size]

    def wait(self, where: str) -> None:
        """Waits for the other processes to come to the same place."""
        if self.processes > 1:
            from jax.experimental import multihost_utils

            multihost_utils.sync_global_devices(where)

    def replicate(self, model: keras.Model, precision: str) -> keras.Model:
        """Returns the model with a copy of its weights on each device; from then on Keras computes on all."""
        if self.count == 1:
            return model
        distribution = keras.distribution.DataParallel(devices=self.names, auto_shard_dataset=False)
        keras.distribution.set_distribution(distribution)
        return with_precision(model, precision)

    def gather(self, model: keras.Model, precision: str) -> keras.Model:
        """Returns the model as this process has it; from then on Keras computes on one device again."""
        if self.count == 1:
            return model
        self.release()
        return with_precision(model, precision)

    def release(self) -> None:
        """Lets Keras compute on one device again."""
        if self.count > 1:
            keras.distribution.set_distribution(None)


ONE_DEVICE = Devices()


def find_devices(count: int | None = None) -> Devices:
    """Returns the devices to train on; where several processes train, it connects them.

    Args:
        count: of each process; all of them by default.

    Raises:
        InputError: there are not so many, the backend can't, or the other processes don't come.
    """
    backend = keras.backend.backend()
    processes = any(name.startswith(_ENVIRONMENT) for name in os.environ)
    if backend != "jax":
        fix = "set KERAS_BACKEND=jax, for which Keras has a distribution library"
        asked = "KERAS_DISTRIBUTION_…" if processes else f"--devices {count}"
        if processes or (count or 1) > 1:
            raise InputError(f"{asked}: on the {backend} backend one device of one process trains; {fix}")
        return ONE_DEVICE
    import jax

    if processes and not jax.distributed.is_initialized():
        try:
            keras.distribution.initialize()
        except (RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise InputError(
                f"{_ENVIRONMENT}…: the processes could not be connected ({reason:.300})"
            ) from error
    local = jax.local_device_count()
    require(count is None or 1 <= count <= local, "--devices", count, f"from 1 to the {local} that are here")
    names = [
        f"{device.platform}:{device.id}"
        for process in range(jax.process_count())
        for device in [d for d in jax.devices() if d.process_index == process][:count]
    ]
    if len(names) == 1:
        return ONE_DEVICE
    return Devices(tuple(names), jax.process_count(), jax.process_index())
