"""Reads the weights of a `model.keras` file that may be untrusted.

`keras.saving.load_model` builds the layers that the file describes, of any class and any size. This module
reads only weights: the caller builds the model from the config of the run, and the file must hold exactly the
arrays of that model. Shapes are compared before memory is allocated, for two reasons: a config of a few bytes
can describe a model that is larger than the machine's memory, and an HDF5 file can declare arrays that are
larger than itself or that lie in another file.
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
# Groups and arrays in a weights file. A BERT of 24 blocks has 2,000; a group that contains itself has no end.
_MAX_OBJECTS = 20_000

# The number of arrays of each shape and dtype.
_Arrays = Counter[tuple[tuple[int, ...], str]]


def read_weights(path: Path, build: Callable[[], Any]) -> Any:
    """Returns a new model with the weights of a file, on the current backend.

    Args:
        path: the `model.keras` file.
        build: a function that returns the model with random weights. It is called twice, first for shapes.

    Raises:
        InputError: the file is damaged, or its weights do not fit the model.
    """
    import keras

    try:
        found, contents = _stored_arrays(path)
        # In another thread, because Keras keeps its list of uninitialized variables per thread.
        with ThreadPoolExecutor(1) as thread:
            expected = thread.submit(_arrays_of, build).result()
        if found != expected:
            raise InputError(f"its weights do not fit the model of config.json: {_differ(found, expected)}")
        model = build()
        with warnings.catch_warnings():
            # A functional model lists some layers twice; Keras warns about each.
            warnings.filterwarnings("ignore", "Skipping nested container")
            model.load_weights(path)
        if sum(_checksum(keras.ops.convert_to_numpy(weight)) for weight in model.weights) != contents:
            raise InputError("Keras did not load some of its weights into the model of config.json")
        return model
    except Exception as error:  # zipfile, h5py, Keras and the backends have no common error class
        raise InputError(
            f"{path}: it can't be read ({first_line(error)}); copy it again from its source, or train again"
        ) from error


def _arrays_of(build: Callable[[], Any]) -> _Arrays:
    """Returns the shapes and dtypes of a model's weights, without allocating them."""
    import keras

    with keras.StatelessScope(initialize_variables=False):
        return Counter((tuple(weight.shape), str(weight.dtype)) for weight in build().weights)


def _stored_arrays(path: Path) -> tuple[_Arrays, int]:
    """Returns the shapes and dtypes of the arrays in a model file, and the sum of their checksums."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if len(names) != len(_MEMBERS) or set(names) != _MEMBERS:
            raise InputError(
                f"it contains {', '.join(sorted(names)[:9])} instead of {', '.join(sorted(_MEMBERS))}"
            )
        # Keras does not compress its files. Without compression, memory is limited by the size of the file.
        if archive.getinfo(_WEIGHTS).compress_type != zipfile.ZIP_STORED:
            raise InputError(f"its {_WEIGHTS} is compressed, but Keras never compresses it")
        # `read` of the whole member compares its checksum; h5py would read it in parts.
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
                    raise InputError(f"its weights contain links or more than {_MAX_OBJECTS:,} objects")
                item = group[name]
                if isinstance(item, h5py.Group):
                    groups.append(item)
                    continue
                plain = isinstance(item, h5py.Dataset) and not item.external and not item.is_virtual
                # A compressed or sparse dataset takes less space in the file than in memory.
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
        for what, arrays in (("missing", missing), ("unexpected", more))
        if arrays
    ]
    return "; ".join(parts)
