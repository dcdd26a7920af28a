"""The devices that share a batch in training: one, or several in one or more processes.

This is the only module that calls jax itself: Keras has a distribution library for jax alone.
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
    """The devices that compute a batch together.

    Args:
        names: the devices of all processes, as Keras names them, those of a process side by side; empty where
            Keras chooses the one device.
        processes: int, how many processes train together, each started with the same command.
        process: int in [0, processes), the number of this process; process 0 writes the run.
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
        """Whether this process writes the run."""
        return self.process == 0

    def padded(self, rows: int) -> int:
        """Returns the number of rows of a batch that is filled up so that each device gets equally many."""
        return -(-rows // self.count) * self.count

    def share(self, rows: np.ndarray) -> np.ndarray:
        """Returns this process's part of the rows of a batch; the last part may be shorter or empty."""
        size = self.padded(len(rows)) // self.processes
        return rows[self.process * size : (self.process + 1) * size]

    def wait(self, where: str) -> None:
        """Waits until the other processes reach the same place.

        Args:
            where: the name of the place.
        """
        if self.processes > 1:
            from jax.experimental import multihost_utils

            multihost_utils.sync_global_devices(where)

    def replicate(self, model: keras.Model, precision: str) -> keras.Model:
        """Returns the model with its weights on each device, and makes Keras compute on all devices."""
        if self.count == 1:
            return model
        distribution = keras.distribution.DataParallel(devices=self.names, auto_shard_dataset=False)
        keras.distribution.set_distribution(distribution)
        return with_precision(model, precision)

    def gather(self, model: keras.Model, precision: str) -> keras.Model:
        """Returns this process's copy of the model, and makes Keras compute on one device again."""
        if self.count == 1:
            return model
        self.release()
        return with_precision(model, precision)

    def release(self) -> None:
        """Makes Keras compute on one device again."""
        if self.count > 1:
            keras.distribution.set_distribution(None)


ONE_DEVICE = Devices()


def find_devices(count: int | None = None) -> Devices:
    """Returns the devices to train on, and connects the processes if several train together.

    Args:
        count: how many devices of each process; all of them by default.

    Raises:
        InputError: there are fewer devices, the backend takes only one, or the other processes don't answer.
    """
    backend = keras.backend.backend()
    processes = any(name.startswith(_ENVIRONMENT) for name in os.environ)
    if backend != "jax":
        fix = "set KERAS_BACKEND=jax, for which Keras has a distribution library"
        asked = "KERAS_DISTRIBUTION_…" if processes else f"--devices {count}"
        if processes or (count or 1) > 1:
            raise InputError(f"{asked}: the backend {backend} trains on one device in one process; {fix}")
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
