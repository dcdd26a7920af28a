"""A prepared corpus (DATA_DIR) on disk.

data.json                        labels, counts, versions, fingerprints
rejected.csv                     rows that were left out; only with `--on-error skip`
tokenizer/                       the tokenizer that made the ids
train/ validation/ test/ unlabelled/       unlabelled/ only with `--unlabelled`
    ids.npy      uint16 or int32[tokens], without special tokens, not truncated
    offsets.npy  int64[reviews + 1]; review i has the tokens ids[offsets[i]:offsets[i + 1]]
    labels.npy   int32[reviews], index in the list of labels; -1 for an unlabelled text
    groups.npy   int64[reviews], number of the review's group; only if all groups are known
    texts.jsonl  {"text": cleaned text, "label": name, "source": file and row}
"""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from keras_sentiment.data.corpus_files import (
    GROUPS_FILE,
    IDS_FILE,
    INFO_FILE,
    LABELS_FILE,
    OFFSETS_FILE,
    OURS,
    TEXTS_FILE,
    TOKENIZER_FOLDER,
    UNLABELLED,
    require_info,
    require_own_files,
)
from keras_sentiment.data.encoded_split import Record, Split, ids_dtype
from keras_sentiment.data.reviews import MAX_REVIEW_BYTES
from keras_sentiment.data.splitting import SPLITS
from keras_sentiment.errors import InputError
from keras_sentiment.escaping import html, printable
from keras_sentiment.machine import choose_backend
from keras_sentiment.storage.array_file import open_array
from keras_sentiment.storage.json_files import parse_object, read_versioned
from keras_sentiment.storage.untrusted import open_regular
from keras_sentiment.text.cleaning import CLEANING_VERSION
from keras_sentiment.text.tokenizer import Tokenizer

FORMAT_VERSION = 1
_SURROGATE = re.compile("[\ud800-\udfff]")
# Limit for a row of `texts.jsonl`: the longest review with escapes, its label and its source.
MAX_ROW_BYTES = 5 * MAX_REVIEW_BYTES
# The form of a row of `texts.jsonl`. Other JSON could become a Python object for every third byte.
_ROW = re.compile(rb'\{"text": "(?:[^"\\]++|\\.)*+"(?:, "(?:label|source)": "(?:[^"\\]++|\\.)*+"){2}\}\n?')


@dataclass(frozen=True, repr=False)
class Corpus:
    """A prepared corpus (DATA_DIR) that `prepare` made; its arrays are mapped from disk.

    Args:
        path: the DATA_DIR.
        info: content of `data.json`.
        splits: the splits `train`, `validation` and `test` by name.
        unlabelled: unlabelled texts for pretraining, or None.

    Example:
        >>> sorted(corpus.splits)
        ['test', 'train', 'validation']
        >>> first = next(corpus.splits["test"].records())
        >>> first.label in corpus.labels
        True
    """

    path: Path
    info: dict[str, Any]
    splits: dict[str, Split]
    unlabelled: Split | None = None

    def __repr__(self) -> str:
        counts = ", ".join(f"{len(split):,} {name}" for name, split in self.splits.items())
        return printable(f"<Corpus {self.path}: {counts}; {', '.join(self.labels)}>")

    def _repr_html_(self) -> str:
        rows = []
        for name in self.splits:
            found = self.info["splits"][name]
            counts = "".join(f"<td>{found['labels'].get(label, 0):,}</td>" for label in self.labels)
            rows.append(f"<tr><th>{html(name)}</th><td>{found['reviews']:,}</td>{counts}</tr>")
        labels = "".join(f"<th>{html(label)}</th>" for label in self.labels)
        caption = f"<caption>{html(str(self.path))}</caption>"
        return f"<table>{caption}<tr><th></th><th>reviews</th>{labels}</tr>{''.join(rows)}</table>"

    @property
    def labels(self) -> list[str]:
        """The names of the labels; the id of a label is its index."""
        return list(self.info["labels"])

    def identity(self) -> dict[str, Any]:
        """Returns the facts about the training data that a run stores."""
        keys = ("source", "fingerprint", "splits", "tokenizer", "warnings")
        noted = {key: self.info[key] for key in keys}
        return {"data_dir": str(self.path.resolve()), **noted}

    def tokenizer(self) -> Tokenizer:
        """Return the tokenizer that made the ids."""
        return Tokenizer.read(self.path / TOKENIZER_FOLDER)


def read_records(path: Path, label_ids: npt.NDArray[np.int32], labels: Sequence[str]) -> Iterator[Record]:
    """Yield the rows of a `texts.jsonl`.

    Args:
        path: the file.
        label_ids: int32[reviews], index of each row's label in `labels`; -1 for an unlabelled text.
        labels: names of the labels.

    Raises:
        InputError: while iterating, if a row is damaged or has another label, or the number of rows differs.
    """
    reviews, places = len(label_ids), {label: place for place, label in enumerate(labels)}
    number = 0
    with open_regular(path) as file:
        while line := file.readline(MAX_ROW_BYTES + 1):
            number += 1
            row = parse_object(line, f"{path}:{number}") if _ROW.fullmatch(line) else {}
            # A text can't contain a lone surrogate; the name of a file can.
            if (
                number > reviews
                or row.keys() != set(Record._fields)
                or places.get(row["label"], -1 if row["label"] == "" else None) != label_ids[number - 1]
                or _SURROGATE.search(row["text"])
            ):
                raise InputError(
                    f"{path}:{number}: the row is damaged; prepare the corpus again with --overwrite"
                )
            yield Record(**row)
    if number != reviews:
        wrong = f"it has {number:,} rows instead of {reviews:,}"
        raise InputError(f"{path}: {wrong}; prepare the corpus again with --overwrite")


def is_corpus(path: Path) -> bool:
    """Return whether a folder is a prepared corpus without other files."""
    return (path / INFO_FILE).is_file() and {item.name for item in path.iterdir()} <= OURS


def open_corpus(path: str | Path) -> Corpus:
    """Open a DATA_DIR without reading it into memory.

    Args:
        path: the folder that `prepare` made.

    Raises:
        InputError: the folder is not a prepared corpus, was made by another version, or is damaged.
        TypeError: `path` is not a path.

    Example:
        >>> corpus = open_corpus("data/films")
        >>> corpus.labels
        ['negative', 'positive']
    """
    if not isinstance(path, (str, Path)):
        kind = type(path).__name__
        raise TypeError(f"path must be a folder that `prepare` made. Received: an object of type {kind}")
    choose_backend()
    path = Path(path)
    info = read_versioned(path / INFO_FILE, FORMAT_VERSION, "a prepared corpus", "make one with `prepare`")
    if info.get("cleaning_version") != CLEANING_VERSION:
        raise InputError(
            f"{path}: its texts were cleaned with version {info.get('cleaning_version')} of the cleaning "
            f"rules, and this program has version {CLEANING_VERSION}; prepare it again with --overwrite"
        )
    require_info(info, path / INFO_FILE)
    require_own_files(path)
    tokenizer = Corpus(path, info, {}).tokenizer()
    if tokenizer.sha256 != info["tokenizer"]["sha256"]:
        wrong = "its tokenizer is not the one that it was prepared with"
        raise InputError(f"{path}: {wrong}; prepare it again with --overwrite")
    size, labels = tokenizer.vocabulary_size, info["labels"]
    splits = {
        name: _open_split(
            path / name, info["splits"][name]["reviews"], labels, size, info["splits"][name]["groups"]
        )
        for name in SPLITS
    }
    more = (
        _open_split(path / UNLABELLED, info[UNLABELLED]["reviews"], [], size) if UNLABELLED in info else None
    )
    return Corpus(path, info, splits, more)


def _open_split(
    folder: Path, reviews: int, names: Sequence[str], vocabulary_size: int, groups: int | None = None
) -> Split:
    least = 0 if names else -1  # unlabelled texts have the label -1
    try:
        ids = open_array(folder / IDS_FILE, ids_dtype(vocabulary_size))
        offsets = open_array(folder / OFFSETS_FILE, np.int64)
        labels = open_array(folder / LABELS_FILE, np.int32)
        group_numbers = None if groups is None else open_array(folder / GROUPS_FILE, np.int64)
        (folder / TEXTS_FILE).stat()
        if not len(labels) == len(offsets) - 1 == reviews or offsets[-1] != len(ids):
            raise InputError("the sizes of its arrays do not match")
        if offsets[0] != 0 or np.any(np.diff(offsets) < 0):
            raise InputError(f"{OFFSETS_FILE}: its numbers are not in ascending order")
        if group_numbers is not None and not (
            len(group_numbers) == reviews
            and len(np.unique(group_numbers)) == groups
            and group_numbers.min(initial=0) >= 0
        ):
            raise InputError(f"{GROUPS_FILE}: it does not have {groups:,} groups of {reviews:,} reviews")
        # In pieces, because an array may be larger than memory.
        for array, first, limit in ((ids, 0, vocabulary_size), (labels, least, least + max(1, len(names)))):
            for piece in (array[start : start + (1 << 20)] for start in range(0, len(array), 1 << 20)):
                if piece.min() < first or piece.max() >= limit:
                    raise InputError(f"a token id or label is not from {first} to {limit - 1}")
    except (OSError, ValueError) as error:
        wrong = f"the corpus is damaged ({error})"
        raise InputError(f"{folder}: {wrong}; prepare it again with --overwrite") from None
    records = partial(read_records, folder / TEXTS_FILE, labels, names)
    return Split(ids, offsets, labels, records, groups=group_numbers)


class SplitWriter:
    """Appends encoded reviews to the files of one split."""

    def __init__(self, folder: Path, dtype: npt.DTypeLike, files: ExitStack) -> None:
        folder.mkdir()
        self._folder = folder
        self._dtype = np.dtype(dtype)
        self._ids: BinaryIO = files.enter_context((folder / IDS_FILE).open("wb"))
        # A file name that is not UTF-8 becomes a source with surrogates, which JSON can escape.
        self._texts = files.enter_context(
            (folder / TEXTS_FILE).open("w", encoding="utf-8", errors="backslashreplace", newline="\n")
        )
        self._write_header(0)
        self._lengths = array("q")
        self.unknown_tokens = 0
        self.words = 0

    def _write_header(self, tokens: int) -> None:
        # NumPy pads the header, so its size does not change with the shape.
        header = {"descr": self._dtype.str, "fortran_order": False, "shape": (tokens,)}
        self._ids.seek(0)
        np.lib.format.write_array_header_1_0(self._ids, header)

    def add(self, text: str, label: str, source: str, ids: npt.NDArray[np.int32], unknown_id: int) -> None:
        self._ids.write(ids.astype(self._dtype).tobytes())
        record = json.dumps({"text": text, "label": label, "source": source}, ensure_ascii=False)
        self._texts.write(record + "\n")
        self._lengths.append(len(ids))
        self.words += text.count(" ") + 1
        self.unknown_tokens += int((ids == unknown_id).sum())

    def finish(
        self, labels: npt.NDArray[np.integer[Any]], groups: npt.NDArray[np.int64] | None = None
    ) -> int:
        """Write the header, offsets, labels and groups; return the number of tokens."""
        offsets = np.concatenate([[0], np.cumsum(np.array(self._lengths, np.int64))]).astype(np.int64)
        self._write_header(int(offsets[-1]))
        np.save(self._folder / OFFSETS_FILE, offsets)
        np.save(self._folder / LABELS_FILE, labels.astype(np.int32))
        if groups is not None:
            np.save(self._folder / GROUPS_FILE, groups)
        return int(offsets[-1])
