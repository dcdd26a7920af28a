"""A check of the free disk space before a large file is written."""

from __future__ import annotations

import shutil
from pathlib import Path

from keras_sentiment.errors import InputError


def require_disk_space(folder: Path, needed: int, what: str, fix: str) -> None:
    """Checks that a disk has enough free space.

    Args:
        folder: where the files will be written; it need not exist yet.
        needed: bytes.
        what: what will be written, for the message.
        fix: the advice at the end of the message.

    Raises:
        InputError: the disk has less free space.
    """
    place = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise InputError(
            f"{folder}: {what} may take {needed / 1e9:.3g} GB, and the disk has {free / 1e9:.3g} GB free; "
            f"{fix}"
        )
