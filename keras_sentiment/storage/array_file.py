"""A list of numbers on disk, which may be untrusted, mapped into memory."""

from __future__ import annotations

import warnings
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_sentiment.errors import InputError
from keras_sentiment.storage.untrusted import open_regular


def open_array(file: Path, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Maps an array from disk; unlike `np.load` it opens nothing else than one, and so no pickle.

    Raises:
        InputError: it can't be read, or is no list of that type; says why, and names no folder.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of a header that NumPy has to mend first
            with open_regular(file) as opened:
                # A header of a later version may have 4 GB.
                if np.lib.format.read_magic(opened) != (1, 0):
                    raise ValueError("an array is of another version than 1.0")
            array = np.lib.format.open_memmap(file, mode="r")
    except OSError as error:
        raise InputError(f"{file.name}: {error.strerror or error}") from None
    # NumPy parses the header of a file as Python's own literals.
    except (ValueError, EOFError, TypeError, OverflowError, SyntaxError, TokenError, UserWarning) as error:
        raise InputError(f"{file.name}: {error}") from None
    if array.ndim != 1 or array.dtype != dtype:
        raise InputError(f"{file.name} is no list of {np.dtype(dtype)}")
    return array
