"""A `model.keras`, which may be untrusted: weights are read from it, and nothing else.

Keras would build what the file describes: layers of any class, of any size. Here the model is built from the
config of its run, and the file has to hold the weights of this model, array by array. Sizes are compared
before any array is made, because a config of a few bytes can ask for more memory than a machine has, and
an HDF5 file for more than it holds, or for what another file holds.
"""

from __future__ import annotations

import io
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_sentiment.errors import InputError, first_line

_WEIGHTS = "model.weights.h5"
_MEMBERS = {"metadata.json", "config.json", _WEIGHTS}
# Groups and arrays of a weights file. BERT's 24 blocks have 2,000; a group within itself has no end of them.
_MAX_OBJECTS = 20_000

# How many arrays there are of each shape and type.
_Arrays = Counter[tuple[tuple[int, ...], str]]


def read_weights(path: Path, build: Callable[[], Any]) -> Any:
    """Returns a new model with the weights of a file, on the current backend.

    Args:
        build: returns the model with random weights; it is called twice, the first time for the sizes.

    Raises:
        InputError: the file is damaged, or its weights are those of another model.
    """
    import keras

    try:
        found, contents = _stored_arrays(path)
        # In a thread of its own, because Keras remembers there which variables still have to be made.
        with ThreadPoolExecutor(1) as thread:
            expected = thread.submit(_arrays_of, build).result()
        if found != expected:
            raise InputError(f"it is not the model of config.json: {_differ(found, expected)}")
        model = build()
        with warnings.catch_warnings():
            # Keras warns of the layers that a functional model lists a second time.
            warnings.filterwarnings("ignore", "Skipping nested container")
            model.load_weights(path)
        if sum(_checksum(keras.ops.convert_to_numpy(weight)) for weight in model.weights) != contents:
            raise InputError("some of its weights have no place in the model of config.json")
        return model
    except Exception as error:  # zipfile, h5py, Keras and the backend each raise errors of their own
        raise InputError(
            f"{path}: it can't be read ({first_line(error)}); copy it anew from where it came, or train again"
        ) from error


def _arrays_of(build: Callable[[], Any]) -> _Arrays:
    """Returns the arrays that the weights of a model are, without making them."""
    import keras

    with keras.StatelessScope(initialize_variables=False):
        return Counter((tuple(weight.shape), str(weight.dtype)) for weight in build().weights)


def _stored_arrays(path: Path) -> tuple[_Arrays, int]:
    """Returns the arrays that a model file holds within itself, and the sum of their checksums."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if len(names) != len(_MEMBERS) or set(names) != _MEMBERS:
            raise InputError(f"it holds {', '.join(sorted(names)[:9])} instead of {', '.join(_MEMBERS)}")
        # As Keras writes it. What is not compressed takes no more memory than the file has bytes.
        if archive.getinfo(_WEIGHTS).compress_type != zipfile.ZIP_STORED:
            raise InputError(f"its {_WEIGHTS} is compressed, which Keras's files are not")
        # Read whole, as Keras does: only then the archive's checksum is compared, and h5py jumps to and fro.
        weights = archive.read(_WEIGHTS)
    return _plain_arrays(weights)


def _checksum(array: npt.NDArray[Any]) -> int:
    return zlib.crc32(np.ascontiguousarray(array).data)


def _plain_arrays(weights: bytes) -> tuple[_Arrays, int]:
    import h5py

    arrays: _Arrays = Counter()
    taken = objects = contents = 0
    with h5py.File(io.BytesIO(weights), "r") as file:
        groups = [file]
        while groups:
            group = groups.pop()
            for name in group:
                objects += 1
                link = group.get(name, getlink=True)
                if not isinstance(link, h5py.HardLink) or objects > _MAX_OBJECTS:
                    raise InputError("its weights are linked from elsewhere")
                item = group[name]
                if isinstance(item, h5py.Group):
                    groups.append(item)
                    continue
                plain = isinstance(item, h5py.Dataset) and not item.external and not item.is_virtual
                # One that is compressed or has holes takes less of the file than of the memory.
                if not plain or item.dtype.kind not in "fiu" or item.id.get_storage_size() != item.nbytes:
                    raise InputError("its weights are not stored as plain numbers")
                arrays[item.shape, str(item.dtype)] += 1
                taken += item.nbytes
                if taken > len(weights):
                    raise InputError("its weights are larger than the file")
                contents += _checksum(item[()])
    return arrays, contents


def _differ(found: _Arrays, expected: _Arrays) -> str:
    missing, more = expected - found, found - expected
    parts = [
        f"{what} {', '.join(f'{list(shape)} {dtype}' for shape, dtype in list(arrays)[:3])}"
        for what, arrays in (("lacking", missing), ("beyond it", more))
        if arrays
    ]
    return "; ".join(parts)
