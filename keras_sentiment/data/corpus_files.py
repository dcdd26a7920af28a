"""Checks of an untrusted DATA_DIR: its files, and the content of its `data.json`."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

from keras_sentiment.data.splitting import SPLITS
from keras_sentiment.errors import InputError, require_labels
from keras_sentiment.storage.untrusted import open_regular, plain_files
from keras_sentiment.text.tokenizer import TOKENIZER_FILES

INFO_FILE = "data.json"
REJECTED_FILE = "rejected.csv"
TOKENIZER_FOLDER = "tokenizer"
IDS_FILE, OFFSETS_FILE, LABELS_FILE, GROUPS_FILE = "ids.npy", "offsets.npy", "labels.npy", "groups.npy"
TEXTS_FILE = "texts.jsonl"
UNLABELLED = "unlabelled"
OURS = frozenset([INFO_FILE, REJECTED_FILE, TOKENIZER_FOLDER, *SPLITS, UNLABELLED])
_SPLIT_FILES = (IDS_FILE, OFFSETS_FILE, LABELS_FILE, GROUPS_FILE, TEXTS_FILE)
_FILES = {INFO_FILE, REJECTED_FILE} | {f"{TOKENIZER_FOLDER}/{name}" for name in TOKENIZER_FILES}
_FILES |= {f"{split}/{name}" for split in (*SPLITS, UNLABELLED) for name in _SPLIT_FILES}
_AGAIN = "prepare it again with --overwrite"
# Limit for the bytes of an array: _FREE_BYTES + _BYTES * size of the texts. A text has at most one token a
# byte, and the row of a review has at least 40 bytes.
_FREE_BYTES, _BYTES = 32 << 20, {IDS_FILE: 32, OFFSETS_FILE: 1, LABELS_FILE: 1, GROUPS_FILE: 1}
# How many places of the texts are sampled, and the bytes at each.
_SAMPLES, _SAMPLE_BYTES = 256, 64
# Limit for a count, because a number in JSON may have any number of digits.
MAX_COUNT = 1 << 53


def require_own_files(path: Path) -> None:
    """Raises an InputError if a file of a DATA_DIR is a link or a pipe, or a split has an unknown file.

    Other files directly in the folder are neither checked nor read. The same is true of names that begin with
    a dot, such as those of macOS.

    A sparse file may be huge and come from a small archive, and reading it would take hours. So arrays that
    are far larger than their texts are refused, and so are texts with holes.
    """
    for name in plain_files(path, OURS.__contains__):
        if name not in _FILES and not any(part.startswith(".") for part in name.split("/")):
            raise InputError(f"{path / name}: it is not a file of a prepared corpus; remove it, or {_AGAIN}")
    for split in (*SPLITS, UNLABELLED):
        # The code that reads a file reports if it is missing.
        with suppress(FileNotFoundError):
            _require_sizes(path / split)


def _require_sizes(folder: Path) -> None:
    with open_regular(folder / TEXTS_FILE) as file:
        size, random = os.fstat(file.fileno()).st_size, Random()
        for _ in range(_SAMPLES if size > _FREE_BYTES else 0):
            file.seek(random.randrange(size))
            # A hole of a sparse file reads as NUL bytes, which JSON does not contain.
            if b"\0" in file.read(_SAMPLE_BYTES):
                raise InputError(f"{folder / TEXTS_FILE}: it has NUL bytes; {_AGAIN}")
    for name, most in _BYTES.items():
        with suppress(FileNotFoundError):
            if (folder / name).stat().st_size > _FREE_BYTES + most * size:
                raise InputError(f"{folder / name}: it is far larger than its texts require; {_AGAIN}")


def require_info(info: dict[str, Any], file: Path) -> None:
    """Raises an InputError if a key of a `data.json` is missing or has a wrong value.

    Args:
        info: content of the file.
        file: its path, for the message.
    """
    try:
        labels = info["labels"]
        require_labels(labels)
        _require_texts(info["source"], info["fingerprint"], *info["warnings"])
        _require_texts(info["tokenizer"]["name"], info["tokenizer"]["sha256"])
        for name in SPLITS:
            split = info["splits"][name]
            _require_texts(split["fingerprint"])
            _require_counts(split["reviews"], split["tokens"], split["words"], split["unknown_tokens"])
            _require_counts(*([] if split["groups"] is None else [split["groups"]]))
            if not split["labels"].keys() == set(labels):
                raise TypeError(f"the labels of {name} differ")
            _require_counts(*split["labels"].values())
        if UNLABELLED in info:
            _require_counts(info[UNLABELLED]["reviews"], info[UNLABELLED]["tokens"])
    except (InputError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{file}: a key is missing or wrong ({error}); {_AGAIN}") from None


def _require_texts(*values: Any) -> None:
    if any(type(value) is not str for value in values):
        raise TypeError("a value is not text")


def _require_counts(*values: Any) -> None:
    if any(type(value) is not int or not 0 <= value <= MAX_COUNT for value in values):
        raise TypeError("a value is not a count")
