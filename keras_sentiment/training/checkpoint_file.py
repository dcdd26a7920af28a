"""A checkpoint: one file with everything that a training needs to go on as if it had not been stopped."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_sentiment.errors import InputError
from keras_sentiment.storage.array_archive import read_arrays
from keras_sentiment.storage.atomic import staged_path, writing

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Checkpoint:
    """The contents of a checkpoint: arrays, and a state in types of JSON."""

    arrays: Arrays
    state: dict[str, Any]

    def write(self, path: Path) -> None:
        """Writes the file, completely or not at all.

        Raises:
            InputError: the file can't be written.
        """
        with writing(path), staged_path(path) as staging, staging.open("wb") as file:
            # The names detect a damaged directory of the zip, which can hide arrays.
            content = json.dumps({"arrays": sorted(self.arrays), "state": self.state})
            state = np.frombuffer(content.encode(), "uint8")
            arrays = {name: np.asarray(array, order="C") for name, array in self.arrays.items()}
            np.savez(file, allow_pickle=False, state=state, **arrays)

    @classmethod
    def read(cls, path: Path) -> Checkpoint | None:
        """Reads a checkpoint; returns `None` if the file is missing or damaged."""
        try:
            arrays = read_arrays(path)
            content = json.loads(arrays.pop("state").tobytes())  # which may hold an infinite loss
            if content["arrays"] == sorted(arrays) and isinstance(content["state"], dict):
                return cls(arrays, content["state"])
        except (ValueError, KeyError, TypeError, RecursionError):
            pass
        return None


def to_arrays(kind: str, variables: Iterable[Any]) -> Arrays:
    """Returns the values of variables, each under the name of a kind and a number."""
    return {f"{kind}_{i:05}": keras.ops.convert_to_numpy(v) for i, v in enumerate(variables)}


def restore(variables: Iterable[Any], kind: str, arrays: Arrays) -> None:
    """Assigns to variables the values that `to_arrays` returned.

    Raises:
        InputError: the arrays are those of other variables.
    """
    for i, variable in enumerate(variables):
        name, shape = f"{kind}_{i:05}", tuple(variable.shape)
        array = arrays.get(name)
        if array is None or array.shape != shape or array.dtype.kind not in "biuf":
            raise InputError(
                f"the checkpoint has no {name} of shape {list(shape)}, so it belongs to another model; begin "
                "again with --overwrite"
            )
        variable.assign(array)


def trainable_state(model: keras.Model) -> list[Any]:
    """Returns the variables that training changes: trainable weights and seeds.

    None of our layers has other weights that change, as batch normalization has.
    """
    still = {id(variable) for variable in model.non_trainable_weights}
    return [variable for variable in model.variables if id(variable) not in still]


def frozen_checksum(model: keras.Model) -> int:
    """Returns a checksum of the frozen weights."""
    checksum = 0
    for array in to_arrays("", model.non_trainable_weights).values():
        checksum = zlib.crc32(np.ascontiguousarray(array).data, checksum)
    return checksum


def random_state() -> Arrays:
    """Returns the states of torch's random generators; other backends have seeds in the model only."""
    if keras.backend.backend() != "torch":
        return {}
    import torch

    states = [torch.get_rng_state(), *torch.cuda.get_rng_state_all()]
    return {f"random_{i}": state.numpy() for i, state in enumerate(states)}


def _is_random_state(state: np.ndarray) -> bool:
    """Whether an array is a state of torch's generator on the CPU.

    torch accepts any bytes of this length, and reads beyond its memory if `next` is too large. The
    layout is: a seed of 8 bytes, `left` and `seeded` of 4, `next` of 8, then 624 numbers.
    """
    import torch

    if state.dtype != np.uint8 or state.shape != tuple(torch.get_rng_state().shape):
        return False
    left, seeded = state[8:16].view("<i4")
    following = int(state[16:24].view("<u8")[0])
    # `left` is the number of the 624 numbers that are still to be drawn, plus one.
    return seeded == 1 and 1 <= left <= 624 and following in ((0, 625 - left) if left == 1 else (625 - left,))


def set_random_state(arrays: Arrays) -> None:
    """Restores what `random_state` returned.

    Raises:
        InputError: the arrays are no states of torch's generators.
    """
    states = [arrays[name] for name in sorted(arrays) if name.startswith("random_")]
    if states:
        import torch

        if not _is_random_state(states[0]):
            raise InputError("the checkpoint has no state of torch's generator; begin again with --overwrite")

        torch.set_rng_state(torch.from_numpy(states[0]))
        # Another machine may have other devices.
        torch.cuda.set_rng_state_all([torch.from_numpy(s) for s in states[1 : 1 + torch.cuda.device_count()]])
