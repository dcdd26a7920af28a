"""Folders that may be untrusted: what is read in them are regular files, reached without links.

Whoever made a folder may have put a link in the place of a file, so that another file is read or
overwritten, or a named pipe, so that reading waits for ever. A folder is looked through before anything in it
is opened. Who may still write into it while it is read is not defended against.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from io import BufferedReader
from pathlib import Path

from keras_sentiment.errors import InputError

# Files and folders within a folder. An exported SavedModel has ten, a run with reports some dozens.
MAX_ENTRIES = 10_000
# Where the system shows itself, its devices and other processes as files; some answer nobody.
_SYSTEM, _SHARED_MEMORY = ("/proc", "/sys", "/dev"), "/dev/shm"
_MAX_LINKS = 40  # that lead to a file, as Linux has it
_COPY = "if you trust where it leads, copy the whole folder with `cp -rL`"


def plain_files(folder: Path, ours: Callable[[str], bool] = lambda name: True) -> list[str]:
    """Returns the paths of the files of a folder within it, with `/` between their parts, sorted.

    What begins with a dot is left out: it is a system's, as `.DS_Store` is, and nobody reads it.

    Args:
        ours: whether something directly in the folder, by its name, is one of ours; others are left out.

    Raises:
        InputError: one of them is a link or no regular file, or there are too many; names it.
    """
    found: list[str] = []
    seen = 0
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        for entry in _entries(folder / inside):
            seen += 1
            if seen > MAX_ENTRIES:
                raise InputError(f"{folder}: it holds more than {MAX_ENTRIES:,} files; it is none of ours")
            if entry.name.startswith(".") or (not inside and not ours(entry.name)):
                continue
            name = f"{inside}/{entry.name}" if inside else entry.name
            if entry.is_dir(follow_symlinks=False):
                waiting.append(name)
            elif entry.is_file(follow_symlinks=False):
                found.append(name)
            else:
                raise InputError(f"{folder / name}: {_kind(entry.is_symlink())}")
    return sorted(found)


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError as error:
        raise InputError(f"{folder}: it can't be read ({error.strerror})") from None


def open_regular(path: Path, follow_links: bool = False) -> BufferedReader:
    """Opens a regular file to read its bytes; a pipe or a device, which might never answer, is refused.

    Args:
        follow_links: whether a link is followed to a regular file; only the last part of the path counts.

    Raises:
        OSError: there is none, or it can't be opened.
        InputError: it is no regular file, or a link to one of the system's.
    """
    if follow_links:
        _require_outside(path)
    # O_NONBLOCK: opening a pipe would wait for a writer.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if not follow_links:
        if path.is_symlink():
            raise InputError(f"{path}: {_kind(True)}")
        flags |= getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, flags)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise InputError(f"{path}: {_kind(False)}")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def require_regular(path: Path) -> None:
    """Raises an InputError unless there is a regular file, or a link to one that is none of the system's."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        wrong = "a link that leads to no file" if path.is_symlink() else f"can't be read ({error.strerror})"
        raise InputError(f"{path}: {wrong}; remove it") from None
    if not stat.S_ISREG(mode):
        wrong = "a folder" if stat.S_ISDIR(mode) else "no regular file"
        raise InputError(f"{path}: {wrong}; remove it")
    _require_outside(path)


def _require_outside(path: Path) -> None:
    """Raises an InputError if links lead to the system's files from a path that isn't there itself."""
    place = os.path.abspath(path)
    if _is_of_system(place):  # as /dev/stdin, which its user names
        return
    leads = [os.path.realpath(place)]
    # A link to /proc/self/fd/0 leads on to another file.
    while os.path.islink(place) and len(leads) <= _MAX_LINKS:
        place = os.path.normpath(os.path.join(os.path.realpath(os.path.dirname(place)), os.readlink(place)))
        leads.append(place)
    if found := next(filter(_is_of_system, leads), None):
        raise InputError(f"{path}: a link to {found}, a file of the system; remove it")


def _is_of_system(path: str) -> bool:
    return any(path == root or path.startswith(f"{root}/") for root in _SYSTEM) and not path.startswith(
        f"{_SHARED_MEMORY}/"
    )


def _kind(link: bool) -> str:
    return f"a link, which may lead anywhere; {_COPY}" if link else "no regular file; remove it"
