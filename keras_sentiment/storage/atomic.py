"""Atomic writing of files and folders: each is written under a temporary name, then renamed.

The temporary name is `.RANDOM.part.NAME`. Because it is random, nobody can put a link there beforehand. The
temporary file is locked while its process runs, so the file of a killed process can be recognized and
removed.
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
    """Returns the final name of a temporary file, or `None` if `name` is not that of a temporary file."""
    match = _STAGED.fullmatch(name)
    return match["name"] if match else None


def staged_for(path: Path) -> list[Path]:
    """Returns the temporary files for a path, those of killed processes included."""
    return list(path.parent.glob(f".{'[0-9a-f]' * 8}.{_PART}.{glob.escape(path.name)}"))


def remove_abandoned(path: Path) -> None:
    """Removes the temporary files of killed processes, and restores a folder that one had moved away."""
    for replaced in path.parent.glob(f".{'[0-9a-f]' * 8}.{_OLD}.{glob.escape(path.name)}"):
        if path.exists():
            shutil.rmtree(replaced, ignore_errors=True)
        else:
            replaced.rename(path)
    if sys.platform == "win32":
        return  # there are no locks, so a process that still writes can't be recognized
    for staging in staged_for(path):
        with contextlib.suppress(InputError, OSError):
            if staging.is_symlink():  # this module makes no links
                staging.unlink()
                continue
            unlock(lock(staging))
            shutil.rmtree(staging) if staging.is_dir() else staging.unlink()


@contextlib.contextmanager
def writing(path: Path, fix: str = "") -> Iterator[None]:
    """Turns an OSError of the block into an InputError: `path` can't be written. `fix` is added to it."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: it can't be written ({error.strerror or error}){fix}") from error


@contextlib.contextmanager
def staged_path(path: Path) -> Iterator[Path]:
    """Yields the path of a new empty file, which is renamed to `path` when the block ends.

    If the block raises an error, the new file is removed. A link at `path` is replaced, not followed.

    Raises:
        InputError: the file can't be written.
    """
    staging = _beside(path, _PART)
    with writing(path):
        # O_EXCL fails if the name exists, even as a link.
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
    """Writes a text file atomically; a lone surrogate, as in the name of a file, becomes `?`.

    Raises:
        InputError: it can't be written.
    """
    remove_abandoned(path)
    with writing(path), staged_path(path) as staging:
        staging.write_text(text, encoding="utf-8", errors="replace", newline="")


@contextlib.contextmanager
def staged_file(path: Path, overwrite: bool, binary: bool = False) -> Iterator[IO[Any]]:
    """Opens a file that a user named, to write it atomically.

    If `path` is a link, the file that it points to is replaced, and the link is kept.

    Args:
        path: the file to write.
        overwrite: whether an existing file is replaced.
        binary: whether bytes are written instead of text.

    Raises:
        InputError: `path` exists, or can't be written.
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
        raise InputError(f"{path}: it is not a file; name another path")
    if path.exists() and not overwrite:
        raise InputError(f"{path}: it already exists; name another file or add --overwrite")


@contextlib.contextmanager
def staged_folder(path: Path, *, overwrite: bool, is_ours: Callable[[Path], bool]) -> Iterator[Path]:
    """Yields a new folder to fill, which is renamed to a path that a user named when the block ends.

    If `path` is a link, the folder that it points to is replaced, and the link is kept.

    Args:
        path: the folder to make.
        overwrite: whether a folder with content is replaced, if `is_ours` is true for it.
        is_ours: whether a folder contains only files that this program writes, so that no others are deleted.

    Raises:
        InputError: `path` exists, or can't be written.
    """
    path = Path(os.path.realpath(path))
    remove_abandoned(path)
    require_free_folder(path, overwrite, is_ours)
    new_parents = [parent for parent in path.parents if not parent.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{path}: the folder can't be created ({error.strerror}); name another one"
        ) from error
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
        raise InputError(f"{path}: it is a file; name a folder that does not exist yet")
    if not any(path.iterdir()):
        return
    if not is_ours(path):
        raise InputError(f"{path}: it has files that this command did not write; name another folder")
    if not overwrite:
        raise InputError(f"{path}: it already has a result; name another folder or add --overwrite")


def _beside(path: Path, kind: str) -> Path:
    return path.with_name(f".{secrets.token_hex(4)}.{kind}.{path.name}")
