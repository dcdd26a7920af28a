"""SHA-256 of files: what is not what was written is named before it is opened; standard library only."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from keras_sentiment.errors import InputError
from keras_sentiment.storage.untrusted import open_regular

# Bytes of all files of a folder: reading a file with holes takes as long as one that is as large on disk.
MAX_BYTES = 16 << 30


def sha256(file: Path) -> str:
    """Returns the hash of a regular file's bytes, in hexadecimal digits.

    Raises:
        InputError: it is a link, or no regular file.
    """
    with open_regular(file) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def verify(folder: Path, files: Mapping[str, str], fix: str) -> None:
    """Checks that each of some files is what it was, a regular file that is reached without a link.

    Args:
        files: the hash of each, by its path within the folder.
        fix: what a message tells to do.

    Raises:
        InputError: one is missing, outside of the folder, or another than it was; or they are too large.
    """
    left = MAX_BYTES
    for name, expected in files.items():
        try:
            left -= _size(folder, name)
            if left < 0:
                fault = f"and the files before it are larger than {MAX_BYTES:,} bytes"
            else:
                fault = "" if sha256(folder / name) == expected else "is not what was written"
        except InputError:
            raise
        except FileNotFoundError:
            fault = "is missing"
        except (OSError, RuntimeError, ValueError) as error:  # no permission, a NUL in the name
            fault = f"can't be read ({error})"
        if fault:
            raise InputError(f"{folder / name} {fault}; {fix}")


def _size(folder: Path, name: str) -> int:
    """Returns the bytes of a file within a folder.

    Raises:
        InputError: it is elsewhere.
    """
    parent = os.path.realpath((folder / name).parent)
    if not Path(parent).is_relative_to(os.path.realpath(folder)):
        raise InputError(f"{folder / name} is outside of the folder: do not trust it")
    return (folder / name).lstat().st_size
