"""A file or a folder that appears whole or not at all: written beside its place, then renamed.

What is being written has a random name, `.RANDOM.part.NAME`, which no link can have been waiting for, and is
locked; so what a killed process left behind can be told from what another one still writes.
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from keras_sentiment.errors import InputError
from keras_sentiment.storage.locks import lock, unlock

_PART, _OLD = "part", "old"
_STAGED = re.compile(rf"\.[0-9a-f]{{8}}\.(?:{_PART}|{_OLD})\.(?P<name>.+)", re.DOTALL)


def staged_name(name: str) -> str | None:
    """Returns the name that a file is being written for, or `None` if its own name is not of a staged one."""
    match = _STAGED.fullmatch(name)
    return match["name"] if match else None


def staged_for(path: Path) -> list[Path]:
    """Returns what is being written for a path, or was when its process was killed."""
    return list(path.parent.glob(f".{'[0-9a-f]' * 8}.{_PART}.{glob.escape(path.name)}"))


def remove_abandoned(path: Path) -> None:
    """Removes what killed processes left half-written for a path, and puts back what one had moved away."""
    for replaced in path.parent.glob(f".{'[0-9a-f]' * 8}.{_OLD}.{glob.escape(path.name)}"):
        if path.exists():
            shutil.rmtree(replaced, ignore_errors=True)
        else:
            replaced.rename(path)
    if sys.platform == "win32":
        return  # where nobody can tell whether its process still runs
    for staging in staged_for(path):
        with contextlib.suppress(InputError, OSError):
            if staging.is_symlink():  # none of ours
                staging.unlink()
                continue
            unlock(lock(staging))
            shutil.rmtree(staging) if staging.is_dir() else staging.unlink()


@contextlib.contextmanager
def writing(path: Path, fix: str = "") -> Iterator[None]:
    """Turns a block's OSError into an InputError that says that `path` can't be written, and a `fix`."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: it can't be written ({error.strerror or error}){fix}") from error


@contextlib.contextmanager
def staged_path(path: Path) -> Iterator[Path]:
    """Gives the path of a new empty file to write, which is renamed to `path` when the block ends.

    An error within the block leaves nothing behind. A link at `path` is replaced, not followed.

    Raises:
        InputError: no file can be made there.
    """
    staging = _beside(path, _PART)
    with writing(path):
        # Fails where anything has that name, a link too.
        os.close(os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    held = None
    try:
        held = lock(staging)
        yield staging
        with writing(path):
            with staging.open("r+b") as file:
                os.fsync(file.fileno())
            staging.replace(path)
    finally:
        unlock(held)
        staging.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes a file whole or not at all; what is not text in it, as in the name of a file, becomes `?`.

    Raises:
        InputError: it can't be written.
    """
    remove_abandoned(path)
    with writing(path), staged_path(path) as staging:
        staging.write_text(text, encoding="utf-8", errors="replace", newline="")


@contextlib.contextmanager
def staged_file(path: Path, overwrite: bool, binary: bool = False) -> Iterator[IO[Any]]:
    """Gives a file, of text or bytes, to write that a user named, whole or not at all.

    A link stays a link: what it points to is replaced.

    Raises:
        InputError: if `path` is taken, or it can't be written.
    """
    path = Path(os.path.realpath(path))
    remove_abandoned(path)
    _require_free_file(path, overwrite)
    with staged_path(path) as staging:
        text: Any = {} if binary else {"encoding": "utf-8", "newline": ""}
        with staging.open("wb" if binary else "w", **text) as file:
            yield file
        _require_free_file(path, overwrite)


def _require_free_file(path: Path, overwrite: bool) -> None:
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: is not a file; name another")
    if path.exists() and not overwrite:
        raise InputError(f"{path}: already exists; name another file or add --overwrite")


@contextlib.contextmanager
def staged_folder(path: Path, *, overwrite: bool, is_ours: Callable[[Path], bool]) -> Iterator[Path]:
    """Gives a folder to fill that a user named, whole or not at all.

    A link stays a link: what it points to is replaced.

    Args:
        path: the folder to make.
        overwrite: replace a folder that holds something, if it is one of ours.
        is_ours: whether a folder holds only what we write, so that nobody else's files are lost.

    Raises:
        InputError: if `path` is taken.
    """
    path = Path(os.path.realpath(path))
    remove_abandoned(path)
    require_free_folder(path, overwrite, is_ours)
    new_parents = [parent for parent in path.parents if not parent.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: no folder can be made there ({error.strerror})") from error
    staging, replaced = _beside(path, _PART), _beside(path, _OLD)
    held = None
    try:
        staging.mkdir()
        held = lock(staging)
        yield staging
        require_free_folder(path, overwrite, is_ours)
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
        unlock(held)
    shutil.rmtree(replaced, ignore_errors=True)


def require_free_folder(path: Path, overwrite: bool, is_ours: Callable[[Path], bool]) -> None:
    """Refuses a folder to make where there is something that may not be replaced.

    Args and Raises: as `staged_folder`.
    """
    if taken := next((parent for parent in path.parents if parent.is_file()), None):
        raise InputError(f"{path}: no folder can be made there, since {taken} is a file; name another")
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


def _beside(path: Path, kind: str) -> Path:
    return path.with_name(f".{secrets.token_hex(4)}.{kind}.{path.name}")
