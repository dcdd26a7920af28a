"""Free space on a disk, asked for before something large is written."""

from __future__ import annotations

import shutil
from pathlib import Path

from keras_sentiment.errors import InputError


def require_disk_space(folder: Path, needed: int, what: str, fix: str) -> None:
    """Refuses to write where there is no room for it.

    Args:
        folder: it or one that it is to be in exists.
        needed: bytes.

    Raises:
        InputError: the disk has less than that; says `what` needs it, and a `fix`.
    """
    place = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise InputError(
            f"{folder}: {what} may take {needed / 1e9:.3g} GB, the disk has {free / 1e9:.3g} GB free; {fix}"
        )
