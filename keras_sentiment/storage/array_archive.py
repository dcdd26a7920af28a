"""Several arrays in one `.npz` file, which may be untrusted: pickles and compression are refused."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from keras_sentiment.errors import InputError
from keras_sentiment.storage.atomic import remove_abandoned, staged_path, writing
from keras_sentiment.storage.untrusted import open_regular

# Exceptions that zipfile and NumPy raise for a damaged file.
_DAMAGED = (
    OSError, ValueError, EOFError, TypeError, OverflowError, SyntaxError, TokenError, UserWarning, KeyError,
    RuntimeError, NotImplementedError, zipfile.BadZipFile,
)  # fmt: skip


def write_archive(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Writes arrays into a file atomically.

    Raises:
        InputError: it can't be written.
    """
    remove_abandoned(path)
    with writing(path), staged_path(path) as staging, staging.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def read_archive(path: Path, kinds: Mapping[str, tuple[npt.DTypeLike, int]]) -> dict[str, npt.NDArray[Any]]:
    """Returns the arrays of a file by name; they take no more memory than the file has bytes.

    Args:
        kinds: the expected dtype and number of dimensions of each array.

    Raises:
        InputError: the file can't be read or contains other arrays; the message has the file's name without
            its folder.
    """
    found = read_arrays(path)
    if found.keys() != kinds.keys():
        raise InputError(f"{path.name}: its arrays are not {', '.join(kinds)}")
    for name, (dtype, dimensions) in kinds.items():
        if found[name].dtype != dtype or found[name].ndim != dimensions:
            raise InputError(f"{path.name}: {name} is not {np.dtype(dtype)} with {dimensions} dimensions")
    return found


def read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Returns all arrays of a file by name; they take no more memory than the file has bytes.

    Raises:
        InputError: the file can't be read; the message has the file's name without its folder.
    """
    try:
        with (
            warnings.catch_warnings(),
            open_regular(path) as stored,
            zipfile.ZipFile(stored) as archive,
        ):
            warnings.simplefilter("error")  # NumPy warns of a header that it has to repair
            # Overlapping members would take more memory than the file has bytes.
            if sum(member.file_size for member in archive.infolist()) > path.stat().st_size:
                raise ValueError("its arrays are larger than the file")
            found = {}
            for member in archive.infolist():
                if member.compress_type != zipfile.ZIP_STORED or not member.filename.endswith(".npy"):
                    raise ValueError("it is compressed, or contains a member that is not an array")
                with archive.open(member) as file:
                    found[member.filename.removesuffix(".npy")] = _read(file)
            return found
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path.name}: {error.strerror or error}") from None
    except _DAMAGED as error:
        raise InputError(f"{path.name}: {error}") from None


def _read(file: IO[bytes]) -> npt.NDArray[Any]:
    """Returns the array in a member; memory is allocated for its bytes, not for the shape in its header."""
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("the version of an array is not 1.0")
    shape, columns_first, dtype = np.lib.format.read_array_header_1_0(file)
    if columns_first or dtype.hasobject:
        raise ValueError("an array is in Fortran order or has objects")
    return np.frombuffer(bytearray(file.read()), dtype).reshape(shape)  # a bytearray makes it writable
