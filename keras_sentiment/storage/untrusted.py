"""Reading of untrusted folders: only regular files are read, and links are not followed.

An untrusted folder may contain a link in the place of a file, so that another file is read or overwritten, or
a named pipe, so that reading never ends. All entries of a folder are checked before a file is opened. This
does not protect against somebody who changes the folder while it is read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from io import BufferedReader
from pathlib import Path

from keras_sentiment.errors import InputError

# Files and folders in a folder. An exported SavedModel has ten, a run with reports has some dozens.
MAX_ENTRIES = 10_000
# Kernel, devices and other processes as files; reading some of them never ends.
_SYSTEM, _SHARED_MEMORY = ("/proc", "/sys", "/dev"), "/dev/shm"
_MAX_LINKS = 40  # the limit of Linux for a chain of links
_COPY = "if you trust its target, copy the whole folder with `cp -rL`"


def plain_files(folder: Path, ours: Callable[[str], bool] = lambda name: True) -> list[str]:
    """Returns the relative paths of the files in a folder and its subfolders, with `/` as separator, sorted.

    Names that begin with a dot, such as `.DS_Store`, are skipped; this program never reads them.

    Args:
        folder: the folder.
        ours: whether a name directly in the folder belongs to this program; other names are skipped.

    Raises:
        InputError: an entry is a link or not a regular file, or there are more than `MAX_ENTRIES`.
    """
    found: list[str] = []
    seen = 0
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        for entry in _entries(folder / inside):
            seen += 1
            if seen > MAX_ENTRIES:
                raise InputError(f"{folder}: it has more than {MAX_ENTRIES:,} files; name another folder")
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
        raise InputError(f"{folder}: it can't be read ({error.strerror}); name another folder") from None


def open_regular(path: Path, follow_links: bool = False) -> BufferedReader:
    """Opens a regular file to read its bytes; pipes and devices are refused, because reading may never end.

    Args:
        path: the file.
        follow_links: whether `path` may be a link; links among its parent folders are always followed.

    Raises:
        OSError: the file is missing or can't be opened.
        InputError: it is not a regular file, or it is a link to a file of the system.
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
    """Raises an InputError unless a path is a regular file or a link to one outside the system's folders."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        broken = "it is a link to a missing file"
        wrong = broken if path.is_symlink() else f"it can't be read ({error.strerror})"
        raise InputError(f"{path}: {wrong}; remove it") from None
    if not stat.S_ISREG(mode):
        wrong = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
        raise InputError(f"{path}: it is {wrong}; remove it")
    _require_outside(path)


def _require_outside(path: Path) -> None:
    """Raises an InputError if a path outside the system's folders is a link into them."""
    place = os.path.abspath(path)
    if _is_of_system(place):  # such as /dev/stdin, which the user named
        return
    leads = [os.path.realpath(place)]
    # Each link is checked: /proc/self/fd/0 is itself a link to another file.
    while os.path.islink(place) and len(leads) <= _MAX_LINKS:
        place = os.path.normpath(os.path.join(os.path.realpath(os.path.dirname(place)), os.readlink(place)))
        leads.append(place)
    if found := next(filter(_is_of_system, leads), None):
        raise InputError(f"{path}: it is a link to {found}, a file of the system; remove it")


def _is_of_system(path: str) -> bool:
    return any(path == root or path.startswith(f"{root}/") for root in _SYSTEM) and not path.startswith(
        f"{_SHARED_MEMORY}/"
    )


def _kind(link: bool) -> str:
    return f"it is a link; {_COPY}" if link else "it is not a regular file; remove it"
