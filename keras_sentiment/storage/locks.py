"""Locks: one process at a time writes to a folder or file."""

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
    """Makes this process the only one that writes to a folder or file, until `unlock` or its end.

    A process may lock a path twice. On Windows and on filesystems without locks nobody is kept out.

    Returns:
        What `unlock` takes.

    Raises:
        InputError: another process has the lock for longer than `wait_seconds`.
    """
    if sys.platform == "win32":
        return None
    import fcntl

    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe would wait for a writer
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
                raise InputError(f"{path}: another process is writing there; wait for it to end") from None
        _descriptors[found] = descriptor
        return found
    os.close(descriptor)
    return found


def unlock(held: Lock | None) -> None:
    """Lets other processes write there again."""
    if held in _descriptors:
        os.close(_descriptors.pop(held))
