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
    """Returns the hash of a file's bytes, in hexadecimal digits."""
    with file.open("rb") as stream:
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
            left -= (folder / name).lstat().st_size
            fault = (
                _fault(folder, name, expected)
                if left >= 0
                else f"and those before it take over {MAX_BYTES:,} bytes"
            )
        except FileNotFoundError:
            fault = "is missing"
        except (
            OSError,
            RuntimeError,
            ValueError,
        ) as error:  # no permission, a loop of links, a NUL in the name
            fault = f"can't be read ({error})"
        if fault:
            raise InputError(f"{folder / name} {fault}; {fix}")


def _fault(folder: Path, name: str, expected: str) -> str | None:
    parent = Path(os.path.realpath((folder / name).parent))
    if not parent.is_relative_to(os.path.realpath(folder)):
        return "is outside of the folder: do not trust it"
    with open_regular(folder / name) as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    return None if found == expected else "is not what was written"
