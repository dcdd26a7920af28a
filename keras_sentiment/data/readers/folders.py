"""Reading of folders of reviews: aclImdb's layout, or one subfolder of `.txt` files for each label."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from keras_sentiment.data.readers.lines import decode
from keras_sentiment.data.reviews import MAX_REVIEW_BYTES, Review, require_size
from keras_sentiment.errors import InputError, require_label
from keras_sentiment.storage.untrusted import open_regular

SPLIT_FOLDERS = ("train", "test")
UNLABELLED = "unsup"
# aclImdb names a review by its number and its rating: 127_9.txt. Reviews of the same film have neighbouring
# numbers.
NUMBERED = re.compile(r"([0-9]{1,18})_[0-9]+\.txt")


def position_of(name: str) -> int | None:
    """Return the review number in an aclImdb file name, or None for other names."""
    match = NUMBERED.fullmatch(name)
    return int(match[1]) if match else None


def _subfolders(folder: Path) -> list[Path]:
    """Return the subfolders, sorted, without those whose names begin with a dot or underscore."""
    return sorted(item for item in folder.iterdir() if item.is_dir() and item.name[0] not in "._")


def _files(folder: Path) -> list[Path]:
    """Return the .txt files of a folder, sorted by review number if all have one, else by name.

    Raises:
        InputError: one of them is not a regular file.
    """
    named = sorted(item for item in folder.iterdir() if item.suffix.lower() == ".txt")
    files = [item for item in named if not item.is_dir()]
    for item in files:
        if not item.is_file():
            what = "a link to a missing file" if item.is_symlink() else "not a regular file"
            raise InputError(f"{item}: it is {what}; remove it or replace it by a file")
    if all(NUMBERED.fullmatch(item.name) for item in files):
        return sorted(files, key=lambda item: position_of(item.name) or 0)
    return files


def _content(file: Path, source: str) -> bytes:
    """Return the bytes of a review."""
    try:
        with open_regular(file, follow_links=True) as opened:
            require_size(os.fstat(opened.fileno()).st_size, source)
            if (data := opened.read(MAX_REVIEW_BYTES + 1)) is not None:
                return data
            reason = "no data is available"  # a device that looks like a regular file
    except OSError as error:
        reason = error.strerror
    raise InputError(f"{file}: it can't be read ({reason}); remove it or replace it by a file")


def _read_split(
    folder: Path, split: str | None, encoding: str | None, say: Callable[[str], None]
) -> Iterator[Review]:
    labels = [item for item in _subfolders(folder) if item.name != UNLABELLED]
    if not labels:
        raise InputError(
            f"{folder}: it has no tables and no subfolders; put the reviews of each label into a subfolder "
            "with the label's name"
        )
    for label in labels:
        require_label(label.name, str(folder))
    listing = {label: _files(label) for label in labels}
    for label, files in listing.items():
        names = {file.name for file in files}
        others = sorted(i.name for i in label.iterdir() if i.name not in names and i.name[0] not in "._")
        if others:
            say(f"{label}: files that are not .txt are not read: {len(others):,}, such as {others[0]}")
        if not files:
            raise InputError(f"{label}: it has no .txt files; add reviews of this label or remove the folder")
    is_imdb = {label.name for label in labels} == {"neg", "pos"} and all(
        NUMBERED.fullmatch(file.name) for files in listing.values() for file in files
    )
    prefix = "" if split is None else f"{split}/"
    for label, files in listing.items():
        for file in files:
            source = f"{prefix}{label.name}/{file.name}"
            text = decode(_content(file, source), source, encoding)
            position = position_of(file.name) if is_imdb else None
            yield Review(text, label.name, source, split=split, position=position)


def unlabelled_folders(folder: Path) -> list[Path]:
    """Return the folders `unsup` of aclImdb in a folder."""
    places = [folder / split / UNLABELLED for split in ("", *SPLIT_FOLDERS)]
    return [place for place in places if place.is_dir()]


def read_unlabelled_folder(folder: Path, encoding: str | None = None) -> Iterator[Review]:
    """Yield the `.txt` files of aclImdb's `unsup` in a folder, or of the folder itself, without labels.

    Args:
        folder: the folder.
        encoding: encoding of the files; by default that of the byte order mark, else UTF-8.

    Raises:
        InputError: there are no such files, or a file has another encoding.
    """
    found = False
    for place in unlabelled_folders(folder) or [folder]:
        for file in _files(place):
            source = f"{place.name}/{file.name}"
            found = True
            yield Review(decode(_content(file, source), source, encoding), "", source)
    if not found:
        raise InputError(f"{folder}: it has no .txt files; name a folder of unlabelled texts")


def read_folder(
    folder: Path, encoding: str | None = None, say: Callable[[str], None] = lambda remark: None
) -> Iterator[Review]:
    """Yield the reviews of a folder in an order that does not depend on the file system.

    Args:
        folder: aclImdb (`train/` and `test/`, or one of them, each with `pos/` and `neg/`), one of its
            splits, or any folder with one subfolder of `.txt` files for each label.
        encoding: encoding of the files; by default that of the byte order mark, else UTF-8.
        say: receives a remark about files that are not read.

    Raises:
        InputError: a label has no reviews, or a file can't be read or has another encoding.
    """
    splits = [split for split in SPLIT_FOLDERS if (folder / split).is_dir() and _subfolders(folder / split)]
    if not splits:
        yield from _read_split(folder, None, encoding, say)
    for other in _subfolders(folder) if splits else ():
        if other.name not in SPLIT_FOLDERS and _subfolders(other):
            raise InputError(
                f"{other}: only the folders {' and '.join(SPLIT_FOLDERS)} are read; move its reviews into "
                "one of them"
            )
    for split in splits:
        yield from _read_split(folder / split, split, encoding, say)
