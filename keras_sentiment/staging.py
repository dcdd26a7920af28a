"""A folder or a file that appears whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from keras_sentiment.config import InputError


@contextlib.contextmanager
def staged_folder(path: Path, *, overwrite: bool, is_ours: Callable[[Path], bool]) -> Iterator[Path]:
    """Give a temporary folder to fill, and rename it to `path` when the block ends without an error.

    Args:
        path: the folder to make.
        overwrite: replace a folder that holds something, if it is one of ours.
        is_ours: whether a folder holds only what we write, so that nobody else's files are lost.

    Raises:
        InputError: if `path` is taken.
    """
    # A link stays a link: what it points to is replaced.
    path = Path(os.path.realpath(path))
    _require_free(path, overwrite, is_ours)
    new_parents = [parent for parent in path.parents if not parent.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: no folder can be made there ({error.strerror})") from error
    mark = f"{path.name}.{secrets.token_hex(4)}"
    staging, replaced = path.with_name(f".{mark}.part"), path.with_name(f".{mark}.old")
    try:
        staging.mkdir()
        yield staging
        _require_free(path, overwrite, is_ours)
        if path.exists():
            path.rename(replaced)
        try:
            staging.rename(path)
        except BaseException:
            if replaced.exists():
                replaced.rename(path)
            raise
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        for parent in new_parents:
            with contextlib.suppress(OSError):
                parent.rmdir()
        raise
    shutil.rmtree(replaced, ignore_errors=True)


def _require_free(path: Path, overwrite: bool, is_ours: Callable[[Path], bool]) -> None:
    if not path.exists():
        return
    if not path.is_dir():
        raise InputError(f"{path}: is a file; name a folder that does not exist yet")
    if not any(path.iterdir()):
        return
    if not is_ours(path):
        raise InputError(f"{path}: holds files that are not from this command; name another folder")
    if not overwrite:
        raise InputError(f"{path}: already holds a result; name another folder or add --overwrite")


@contextlib.contextmanager
def staged_file(path: Path, overwrite: bool) -> Iterator[IO[str]]:
    """Gives a file to write, which has its name when the block ends without an error, or never was.

    Raises:
        InputError: if `path` is taken, or no file can be made there.
    """
    # A link stays a link: what it points to is replaced.
    path = Path(os.path.realpath(path))
    _require_free_file(path, overwrite)
    staging = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        file = staging.open("x", encoding="utf-8", newline="")
    except OSError as error:
        raise InputError(f"{path}: no file can be made there ({error.strerror})") from None
    try:
        with file:
            yield file
        _require_free_file(path, overwrite)
        staging.replace(path)
    except BaseException:
        staging.unlink(missing_ok=True)
        raise


def _require_free_file(path: Path, overwrite: bool) -> None:
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: is not a file; name another")
    if path.exists() and not overwrite:
        raise InputError(f"{path}: already exists; name another file or add --overwrite")


_held: dict[tuple[int, int], int] = {}  # folders that this process holds, by device and inode


def hold_folder(path: Path, wait_seconds: float = 0.0) -> None:
    """Makes this process the only one that writes into a folder, until `leave_folder` or its end.

    A process may hold a folder twice. On Windows and on filesystems without locks nobody is kept out.

    Raises:
        InputError: another process holds it for longer than `wait_seconds`.
    """
    if sys.platform == "win32":
        return
    import fcntl

    descriptor = os.open(path, os.O_RDONLY)
    status = os.fstat(descriptor)
    key = status.st_dev, status.st_ino
    deadline = time.monotonic() + wait_seconds
    while key not in _held:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):
                if time.monotonic() < deadline:
                    time.sleep(0.05)
                    continue
                os.close(descriptor)
                raise InputError(f"{path}: another process is writing there; wait for it to end") from None
        _held[key] = descriptor
        return
    os.close(descriptor)


def leave_folder(path: Path) -> None:
    """Lets other processes write into a folder again."""
    with contextlib.suppress(OSError, KeyError):
        status = path.stat()
        os.close(_held.pop((status.st_dev, status.st_ino)))
