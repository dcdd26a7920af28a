"""Folders that Hugging Face's `save_to_disk` wrote: checks that their tables are those of the dataset."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from keras_sentiment.errors import InputError
from keras_sentiment.storage.json_files import MAX_CONFIG_BYTES, read_object

# `state.json` lists the files of a dataset, and `dataset_dict.json` lists the folders of the splits.
STATE_FILE, SPLITS_FILE = "state.json", "dataset_dict.json"
METADATA = (SPLITS_FILE, "dataset_info.json", "dataset_infos.json", STATE_FILE)
_AGAIN = "save it again with save_to_disk"


def require_saved(folder: Path, tables: Sequence[Path]) -> None:
    """Raises an InputError if a folder has a `state.json` that lists other tables.

    Args:
        folder: the folder.
        tables: the tables in the folder, without cache files.
    """
    file = folder / STATE_FILE
    if not os.path.lexists(file) or not any(path.suffix.lower() == ".arrow" for path in tables):
        return
    state = _read(file)
    if state.get("_indices_data_files") or state.get("_indices_files"):
        raise InputError(f"{file}: the dataset has an index of rows; call flatten_indices() and {_AGAIN}")
    data_files = state.get("_data_files")
    if not isinstance(data_files, list) or not all(isinstance(each, dict) for each in data_files):
        raise InputError(f"{file}: it does not list the files of the dataset; {_AGAIN}")
    _require_same(file, [each.get("filename") for each in data_files], [path.name for path in tables])


def require_saved_splits(folder: Path, names: Collection[str]) -> None:
    """Raises an InputError if a folder has a `dataset_dict.json` that lists other subfolders.

    Args:
        folder: the folder.
        names: names of the subfolders with tables.
    """
    file = folder / SPLITS_FILE
    if names and os.path.lexists(file):
        _require_same(file, _read(file).get("splits"), names)


def _read(file: Path) -> dict[str, Any]:
    _require_inside(file)
    return read_object(file, MAX_CONFIG_BYTES)


def _require_same(file: Path, listed: Any, found: Collection[str]) -> None:
    if not isinstance(listed, list) or not listed or not all(isinstance(name, str) for name in listed):
        raise InputError(f"{file}: it does not list the files of the dataset; {_AGAIN}")
    names, present = set(listed), set(found)
    if len(names) < len(listed):
        raise InputError(f"{file}: it lists a name twice; {_AGAIN}")
    for name in sorted(present):
        if name not in names:
            raise InputError(f"{file.parent / name}: {file.name} does not list it; move it away")
        _require_inside(file.parent / name)
    if missing := sorted(names - present):
        raise InputError(f"{file}: it lists {missing[0]!r:.200}, which is missing; {_AGAIN}")


def _require_inside(path: Path) -> None:
    """Raises an InputError for a link that leads out of its folder."""
    if Path(os.path.realpath(path)).parent != Path(os.path.realpath(path.parent)):
        raise InputError(
            f"{path}: it is a link that leads out of its folder; if you trust its target, copy the whole "
            "folder with `cp -rL`"
        )
