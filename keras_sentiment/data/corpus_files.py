"""What a DATA_DIR may hold, which a stranger may have made: its files, and what its `data.json` says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from keras_sentiment.data.readers.compression import FREE_BYTES, MAX_RATIO
from keras_sentiment.data.splitting import SPLITS
from keras_sentiment.errors import InputError, require_labels
from keras_sentiment.storage.untrusted import plain_files
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
# Of whatever is counted: a number in JSON may have any number of digits.
MAX_COUNT = 1 << 53


def require_own_files(path: Path) -> None:
    """Raises an InputError if one of our names is a link, a pipe or the like, or a file within is not ours.

    What else lies directly in the folder is not looked at, and never read.
    """
    for name in plain_files(path, OURS.__contains__):
        if name not in _FILES:
            raise InputError(f"{path / name}: no file of a prepared corpus; remove it, or {_AGAIN}")
        status = os.stat(path / name)
        # Whoever packs it writes holes in a few bytes, and reading them takes hours.
        held = getattr(status, "st_blocks", status.st_size) * 512
        if status.st_size > FREE_BYTES + MAX_RATIO * held:
            raise InputError(f"{path / name}: a file of nothing but holes; {_AGAIN}")


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
