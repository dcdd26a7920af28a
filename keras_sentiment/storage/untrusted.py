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
_REGULAR = "put the file itself there, as `cp -rL` does"


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
                raise InputError(f"{folder / name}: {_kind(entry.is_symlink())}; {_REGULAR}")
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
        InputError: it is no regular file.
    """
    # O_NONBLOCK: opening a pipe would wait for a writer.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if not follow_links:
        if path.is_symlink():
            raise InputError(f"{path}: {_kind(True)}; {_REGULAR}")
        flags |= getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, flags)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise InputError(f"{path}: {_kind(False)}; {_REGULAR}")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _kind(link: bool) -> str:
    return "a link, which may lead anywhere" if link else "no regular file"
