"""Several arrays in one file, which may be untrusted: `.npz` without pickles and without compression."""

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

_BROKEN = (
    OSError, ValueError, EOFError, TypeError, OverflowError, SyntaxError, TokenError, UserWarning, KeyError,
    RuntimeError, NotImplementedError, zipfile.BadZipFile,
)  # fmt: skip


def write_archive(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Writes arrays into a file that is there whole or not at all.

    Raises:
        InputError: it can't be written.
    """
    remove_abandoned(path)
    with writing(path), staged_path(path) as staging, staging.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def read_archive(path: Path, kinds: Mapping[str, tuple[npt.DTypeLike, int]]) -> dict[str, npt.NDArray[Any]]:
    """Returns arrays by their names; they take no more memory than the file has bytes.

    Args:
        kinds: the type and the number of dimensions of each.

    Raises:
        InputError: it can't be read, or holds other arrays; says why, and names no folder.
    """
    found = read_arrays(path)
    if found.keys() != kinds.keys():
        raise InputError(f"{path.name}: it does not hold {', '.join(kinds)} alone")
    for name, (dtype, dimensions) in kinds.items():
        if found[name].dtype != dtype or found[name].ndim != dimensions:
            raise InputError(f"{path.name}: {name} is no {np.dtype(dtype)} with {dimensions} dimensions")
    return found


def read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Returns all arrays of a file by their names; they take no more memory than the file has bytes.

    Raises:
        InputError: it can't be read; says why, and names no folder.
    """
    try:
        with (
            warnings.catch_warnings(),
            open_regular(path) as stored,
            zipfile.ZipFile(stored) as archive,
        ):
            warnings.simplefilter("error")  # of a header that NumPy has to mend first
            # Members that lie upon each other would take more than the file has bytes.
            if sum(member.file_size for member in archive.infolist()) > path.stat().st_size:
                raise ValueError("its arrays are larger than the file")
            found = {}
            for member in archive.infolist():
                if member.compress_type != zipfile.ZIP_STORED or not member.filename.endswith(".npy"):
                    raise ValueError("it is compressed, or holds something else than arrays")
                with archive.open(member) as file:
                    found[member.filename.removesuffix(".npy")] = _read(file)
            return found
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path.name}: {error.strerror or error}") from None
    except _BROKEN as error:
        raise InputError(f"{path.name}: {error}") from None


def _read(file: IO[bytes]) -> npt.NDArray[Any]:
    """Returns an array as large as its bytes, whatever its header asks for."""
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("an array is of another version than 1.0")
    shape, columns_first, dtype = np.lib.format.read_array_header_1_0(file)
    if columns_first or dtype.hasobject:
        raise ValueError("an array is no plain one")
    return np.frombuffer(bytearray(file.read()), dtype).reshape(shape)  # of a bytearray, to be writable
