"""Files of tables that make one source: a pattern, a folder of tables, a folder that Hugging Face saved."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Sequence
from pathlib import Path

from keras_sentiment.data.readers.compression import format_of
from keras_sentiment.data.readers.saved_datasets import METADATA, require_saved, require_saved_splits
from keras_sentiment.errors import InputError
from keras_sentiment.storage.untrusted import require_regular

# What a file or a folder of a split may be called, as Hugging Face's datasets have it.
_SPLITS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_NAMES = {name: split for split, names in _SPLITS.items() for name in names}
# `train-00000-of-00002`, `imdb_train`, `trainData`, but not `trainer` or `contest`.
_WORD = re.compile(rf"(?:^|[^a-zA-Z])((?i:{'|'.join(_NAMES)}))(?![a-z])")
# What Hugging Face's datasets leave beside a table when it is mapped or filtered.
_CACHE = re.compile(r"cache-[0-9a-f]+\.arrow")
DATA = "data"

# The files of each split; of the split None where the files don't say it.
SplitFiles = dict[str | None, list[Path]]


def split_of(name: str) -> str | None:
    """Return the split that a file's or a folder's name says: `dev-00000-of-00002.csv` is of validation."""
    match = _WORD.search(name)
    return _NAMES[match[1].lower()] if match else None


def tables_in(folder: Path) -> list[Path]:
    """Return the tables directly in a folder, sorted; plain text is none.

    Raises:
        InputError: what is called like a table is no regular file, nor a link to one.
    """
    found = sorted(
        item
        for item in folder.iterdir()
        if format_of(item.name) not in (None, "txt")
        and item.name not in METADATA
        and not _CACHE.fullmatch(item.name)
        and item.name[0] not in "._"
    )
    for item in found:
        require_regular(item)
    require_saved(folder, found)
    return found


def table_folder(folder: Path) -> tuple[SplitFiles, list[str]] | None:
    """Return the tables of a folder by split, and what else with tables is in it; None if it holds no tables.

    Args:
        folder: with tables in it, in its subfolder `data`, or in subfolders of the names of splits.

    Raises:
        InputError: some names say a split, and others don't.
    """
    if files := tables_in(folder):
        # Beside tables that are called train or test, as in GLUE's SST-2, other texts are no reviews.
        if not any(split_of(file.name) for file in files) and _has_label_folders(folder):
            return None
        return by_split(files, str(folder)), list(_tables_inside(folder))
    inside = _tables_inside(folder)
    found: SplitFiles = {}
    for name, files in inside.items():
        if split := split_of(name):
            found.setdefault(split, []).extend(files)
    if not found and DATA in inside:
        return by_split(inside[DATA], str(folder / DATA)), [name for name in inside if name != DATA]
    return (_alone(found), [name for name in inside if not split_of(name)]) if found else None


def _tables_inside(folder: Path) -> dict[str, list[Path]]:
    """Return the tables in the subfolders of a folder."""
    inside = {item.name: tables_in(item) for item in sorted(folder.iterdir()) if item.is_dir()}
    inside = {name: files for name, files in inside.items() if files and name[0] not in "._"}
    require_saved_splits(folder, inside)
    return inside


def _has_label_folders(folder: Path) -> bool:
    """Return whether a folder has subfolders with .txt files, the reviews of a label each."""
    subfolders = (item for item in folder.iterdir() if item.is_dir())
    return any(file.suffix == ".txt" for subfolder in subfolders for file in subfolder.iterdir())


def matching(pattern: str) -> list[Path]:
    """Return the files that match a pattern, sorted; folders are passed over.

    Raises:
        InputError: one that matches is no regular file, nor a link to one.
    """
    found = [Path(name) for name in sorted(glob.glob(pattern, recursive=True)) if not os.path.isdir(name)]
    for path in found:
        require_regular(path)
    return found


def by_split(files: Sequence[Path], source: str) -> SplitFiles:
    """Return files by the split that their names say.

    Raises:
        InputError: some say one, and others don't.
    """
    found: SplitFiles = {}
    for file in files:
        found.setdefault(split_of(file.name), []).append(file)
    if None in found and len(found) > 1:
        others = ", ".join(file.name for file in found[None][:5])
        raise InputError(
            f"{source}: {others}: not called train, validation or test, as the other files are; move it "
            "away, or give the files by a pattern and with --test"
        )
    return _alone(found)


def _alone(found: SplitFiles) -> SplitFiles:
    """Return the files of one split as those of a source without splits."""
    return found if len(found) > 1 else {None: next(iter(found.values()))}
