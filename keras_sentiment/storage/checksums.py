"""SHA-256 checksums of files: changed files are found before they are opened; standard library only."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from keras_sentiment.errors import InputError
from keras_sentiment.storage.untrusted import open_regular

# Of all files of a folder together. A sparse file is small on disk and takes as long to read as a full one.
MAX_BYTES = 16 << 30


def sha256(file: Path) -> str:
    """Returns the SHA-256 of a regular file, in hexadecimal digits.

    Raises:
        InputError: the path is a link or not a regular file.
    """
    with open_regular(file) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def verify(folder: Path, files: Mapping[str, str], fix: str) -> None:
    """Checks that files of a folder are regular files with the expected SHA-256.

    Args:
        folder: the folder, which may be untrusted.
        files: the expected SHA-256 of each file, by its path in the folder.
        fix: the advice at the end of a message.

    Raises:
        InputError: a file is missing, changed, a link, outside the folder, or too large.
    """
    left = MAX_BYTES
    for name, expected in files.items():
        try:
            left -= _size(folder, name)
            if left < 0:
                fault = f"the files up to this one have more than {MAX_BYTES:,} bytes"
            else:
                fault = "" if sha256(folder / name) == expected else "it has changed since it was written"
        except InputError:
            raise
        except FileNotFoundError:
            fault = "it is missing"
        except (OSError, RuntimeError, ValueError) as error:  # no permission, a NUL in the name
            fault = f"it can't be read ({error})"
        if fault:
            raise InputError(f"{folder / name}: {fault}; {fix}")


def _size(folder: Path, name: str) -> int:
    """Returns the size in bytes of a file in a folder.

    Raises:
        InputError: its path leads out of the folder.
    """
    parent = os.path.realpath((folder / name).parent)
    if not Path(parent).is_relative_to(os.path.realpath(folder)):
        raise InputError(f"{folder / name}: its path leads out of the folder; do not use this folder")
    return (folder / name).lstat().st_size
