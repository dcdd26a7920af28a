"""The files of a source of several tables: a pattern, a folder, or a folder saved by Hugging Face."""

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

# Names for the file or folder of a split, as in Hugging Face's datasets.
_SPLITS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_NAMES = {name: split for split, names in _SPLITS.items() for name in names}
# `train-00000-of-00002`, `imdb_train`, `trainData`, but not `trainer` or `contest`.
_WORD = re.compile(rf"(?:^|[^a-zA-Z])((?i:{'|'.join(_NAMES)}))(?![a-z])")
# Cache files that Hugging Face's datasets write when a table is mapped or filtered.
_CACHE = re.compile(r"cache-[0-9a-f]+\.arrow")
DATA = "data"

# The files of each split; the key is None if the names of the files do not name a split.
SplitFiles = dict[str | None, list[Path]]


def split_of(name: str) -> str | None:
    """Return the split in the name of a file or folder, or None.

    Example:
        >>> split_of("dev-00000-of-00002.csv")
        'validation'
    """
    match = _WORD.search(name)
    return _NAMES[match[1].lower()] if match else None


def tables_in(folder: Path) -> list[Path]:
    """Return the tables directly in a folder, sorted; .txt files are not tables.

    Raises:
        InputError: a path with the extension of a table is not a regular file.
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
    """Return the tables of a folder by split, and the names of its other subfolders with tables.

    Args:
        folder: the folder; its tables are in it, in its subfolder `data`, or in subfolders named after
            splits.

    Returns:
        None if the folder has no tables.

    Raises:
        InputError: only some of the tables have the name of a split.
    """
    if files := tables_in(folder):
        # If tables are named after splits, as in GLUE's SST-2, then .txt files in subfolders are not reviews.
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
    """Return whether a folder has subfolders with .txt files, as for labels."""
    subfolders = (item for item in folder.iterdir() if item.is_dir())
    return any(file.suffix == ".txt" for subfolder in subfolders for file in subfolder.iterdir())


def matching(pattern: str) -> list[Path]:
    """Return the files that match a pattern, sorted; folders are skipped.

    Raises:
        InputError: a match is not a regular file.
    """
    found = [Path(name) for name in sorted(glob.glob(pattern, recursive=True)) if not os.path.isdir(name)]
    for path in found:
        require_regular(path)
    return found


def by_split(files: Sequence[Path], source: str) -> SplitFiles:
    """Return files by the split in their names.

    Raises:
        InputError: only some of the files have the name of a split.
    """
    found: SplitFiles = {}
    for file in files:
        found.setdefault(split_of(file.name), []).append(file)
    if None in found and len(found) > 1:
        others = ", ".join(file.name for file in found[None][:5])
        raise InputError(
            f"{source}: these files are not named train, validation or test, and the others are: {others}; "
            "move them away, or name the files with a pattern and with --test"
        )
    return _alone(found)


def _alone(found: SplitFiles) -> SplitFiles:
    """Return the files by split; if there is only one split, its name becomes None."""
    return found if len(found) > 1 else {None: next(iter(found.values()))}
