"""A one-dimensional `.npy` array on disk, which may be untrusted, mapped into memory."""

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
    """Maps a one-dimensional array from disk; unlike `np.load`, it opens no other format, such as a pickle.

    Raises:
        InputError: the file can't be read or is not such an array; the message has the file's name without
            its folder.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # NumPy warns of a header that it has to repair
            with open_regular(file) as opened:
                # The header of a later version may be up to 4 GB long.
                if np.lib.format.read_magic(opened) != (1, 0):
                    raise ValueError("the version of the array is not 1.0")
            array = np.lib.format.open_memmap(file, mode="r")
    except OSError as error:
        raise InputError(f"{file.name}: {error.strerror or error}") from None
    # NumPy parses the header as Python literals, so any error of Python's parser is possible.
    except (ValueError, EOFError, TypeError, OverflowError, SyntaxError, TokenError, UserWarning) as error:
        raise InputError(f"{file.name}: {error}") from None
    if array.ndim != 1 or array.dtype != dtype:
        raise InputError(f"{file.name}: it is not a one-dimensional array of {np.dtype(dtype)}")
    return array
