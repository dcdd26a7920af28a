"""Locks, so that only one process at a time writes to a file or folder."""

from __future__ import annotations

import errno
import os
import sys
import time
from pathlib import Path

from keras_sentiment.errors import InputError

Lock = tuple[int, int]  # device and inode
_descriptors: dict[Lock, int] = {}


def lock(path: Path, wait_seconds: float = 0.0) -> Lock | None:
    """Locks a file or folder until `unlock` is called or this process ends.

    A process may lock a path twice. Windows and filesystems without locks are not protected.

    Args:
        path: the file or folder.
        wait_seconds: float, how long to wait for another process.

    Returns:
        The argument for `unlock`.

    Raises:
        InputError: another process still has the lock after `wait_seconds`.
    """
    if sys.platform == "win32":
        return None
    import fcntl

    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # opening a pipe would wait for a writer
    status = os.fstat(descriptor)
    found = status.st_dev, status.st_ino
    deadline = time.monotonic() + wait_seconds
    while found not in _descriptors:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):
                if time.monotonic() < deadline:
                    time.sleep(0.05)
                    continue
                os.close(descriptor)
                raise InputError(f"{path}: another process is writing to it; wait until it ends") from None
        _descriptors[found] = descriptor
        return found
    os.close(descriptor)
    return found


def unlock(held: Lock | None) -> None:
    """Releases a lock; `None` is ignored."""
    if held in _descriptors:
        os.close(_descriptors.pop(held))
