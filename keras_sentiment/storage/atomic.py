"""A folder or a file that appears whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from keras_sentiment.errors import InputError


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
    _tidy(path)
    _require_free(path, overwrite, is_ours)
    new_parents = [parent for parent in path.parents if not parent.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: no folder can be made there ({error.strerror})") from error
    mark = f"{path.name}.{secrets.token_hex(4)}"
    staging, replaced = path.with_name(f".{mark}.part"), path.with_name(f".{mark}.old")
    held = None
    try:
        staging.mkdir()
        held = hold(staging)
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
    finally:
        leave(held)
    shutil.rmtree(replaced, ignore_errors=True)


def _tidy(path: Path) -> None:
    """Ends what a killed process left half-done beside a path: puts back, or takes away."""
    name = f".{glob.escape(path.name)}.{'[0-9a-f]' * 8}"
    for replaced in path.parent.glob(f"{name}.old"):
        if path.exists():
            shutil.rmtree(replaced, ignore_errors=True)
        else:
            replaced.rename(path)
    if sys.platform == "win32":
        return  # where nobody can tell whether its process still runs
    for staging in path.parent.glob(f"{name}.part"):
        with contextlib.suppress(InputError, OSError):
            leave(hold(staging))
            shutil.rmtree(staging) if staging.is_dir() else staging.unlink()


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
    _tidy(path)
    _require_free_file(path, overwrite)
    staging = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        file = staging.open("x", encoding="utf-8", newline="")
    except OSError as error:
        raise InputError(f"{path}: no file can be made there ({error.strerror})") from None
    held = hold(staging)
    try:
        with file:
            yield file
        _require_free_file(path, overwrite)
        staging.replace(path)
    except BaseException:
        staging.unlink(missing_ok=True)
        raise
    finally:
        leave(held)


def _require_free_file(path: Path, overwrite: bool) -> None:
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: is not a file; name another")
    if path.exists() and not overwrite:
        raise InputError(f"{path}: already exists; name another file or add --overwrite")


def require_room(folder: Path, needed: int, what: str, fix: str) -> None:
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


Held = tuple[int, int]  # device and inode
_descriptors: dict[Held, int] = {}


def hold(path: Path, wait_seconds: float = 0.0) -> Held | None:
    """Makes this process the only one that writes to a folder or file, until `leave` or its end.

    A process may hold a path twice. On Windows and on filesystems without locks nobody is kept out.

    Returns:
        What `leave` takes.

    Raises:
        InputError: another process holds it for longer than `wait_seconds`.
    """
    if sys.platform == "win32":
        return None
    import fcntl

    descriptor = os.open(path, os.O_RDONLY)
    status = os.fstat(descriptor)
    held = status.st_dev, status.st_ino
    deadline = time.monotonic() + wait_seconds
    while held not in _descriptors:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):
                if time.monotonic() < deadline:
                    time.sleep(0.05)
                    continue
                os.close(descriptor)
                raise InputError(f"{path}: another process is writing there; wait for it to end") from None
        _descriptors[held] = descriptor
        return held
    os.close(descriptor)
    return held


def leave(held: Held | None) -> None:
    """Lets other processes write there again."""
    if held in _descriptors:
        os.close(_descriptors.pop(held))
