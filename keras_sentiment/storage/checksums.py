"""SHA-256 of files: what is not what was written is named before it is opened; standard library only."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from keras_sentiment.errors import InputError


def sha256(file: Path) -> str:
    """Returns the hash of a file's bytes, in hexadecimal digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def verify(folder: Path, files: Mapping[str, str], fix: str) -> None:
    """Checks that each of some files is what it was.

    Args:
        files: the hash of each, by its path within the folder.
        fix: what a message tells to do.

    Raises:
        InputError: one is missing, outside of the folder, or another than it was.
    """
    for name, expected in files.items():
        if fault := _fault(folder, name, expected):
            raise InputError(f"{folder / name} {fault}; {fix}")


def _fault(folder: Path, name: str, expected: str) -> str | None:
    try:
        file = (folder / name).resolve()
        if not file.is_relative_to(folder.resolve()):
            return "is outside of the folder: do not trust it"
        if not file.is_file():
            return "is missing"
        return None if sha256(file) == expected else "is not what was written"
    except (OSError, RuntimeError, ValueError) as error:  # no permission, a loop of links, a NUL in the name
        return f"can't be read ({error})"
