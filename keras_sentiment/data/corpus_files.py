"""What a DATA_DIR may hold, which a stranger may have made: its files, and what its `data.json` says."""

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
# Bytes of an array: so many, and so many for each byte of the texts, which have a token a byte at most, and
# a row of 40 bytes at least for each review.
_FREE_BYTES, _BYTES = 32 << 20, {IDS_FILE: 32, OFFSETS_FILE: 1, LABELS_FILE: 1, GROUPS_FILE: 1}
# Places in the texts that are looked at, and bytes at each.
_SAMPLES, _SAMPLE_BYTES = 256, 64
# Of whatever is counted: a number in JSON may have any number of digits.
MAX_COUNT = 1 << 53


def require_own_files(path: Path) -> None:
    """Raises an InputError if one of our names is a link, a pipe or the like, or a file within is not ours.

    What else lies directly in the folder is not looked at, and never read. So are files whose names begin
    with a dot, as macOS leaves them.

    A file may be large in the folder and small in its archive, and reading all of it would take hours: so
    arrays may not be far larger than their texts, and texts have to be there.
    """
    for name in plain_files(path, OURS.__contains__):
        if name not in _FILES and not any(part.startswith(".") for part in name.split("/")):
            raise InputError(f"{path / name}: no file of a prepared corpus; remove it, or {_AGAIN}")
    for split in (*SPLITS, UNLABELLED):
        # What is missing is told where it is read.
        with suppress(FileNotFoundError):
            _require_sizes(path / split)


def _require_sizes(folder: Path) -> None:
    with open_regular(folder / TEXTS_FILE) as file:
        size, random = os.fstat(file.fileno()).st_size, Random()
        for _ in range(_SAMPLES if size > _FREE_BYTES else 0):
            file.seek(random.randrange(size))
            # JSON has no such byte, and what was never written has no other.
            if b"\0" in file.read(_SAMPLE_BYTES):
                raise InputError(f"{folder / TEXTS_FILE}: holds no text in places; {_AGAIN}")
    for name, most in _BYTES.items():
        with suppress(FileNotFoundError):
            if (folder / name).stat().st_size > _FREE_BYTES + most * size:
                raise InputError(f"{folder / name}: far larger than its texts make it; {_AGAIN}")


def require_info(info: dict[str, Any], file: Path) -> None:
    """Raises an InputError unless a `data.json` holds what is read of it.

    Args:
        info: what it holds.
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
                raise TypeError(f"{name} counts other labels")
            _require_counts(*split["labels"].values())
        if UNLABELLED in info:
            _require_counts(info[UNLABELLED]["reviews"], info[UNLABELLED]["tokens"])
    except (InputError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{file}: it lacks or mistakes a key ({error}); {_AGAIN}") from None


def _require_texts(*values: Any) -> None:
    if any(type(value) is not str for value in values):
        raise TypeError("a value is no text")


def _require_counts(*values: Any) -> None:
    if any(type(value) is not int or not 0 <= value <= MAX_COUNT for value in values):
        raise TypeError("a value is no count")
