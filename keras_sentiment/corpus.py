"""A prepared corpus (DATA_DIR) as it lies on disk, and its splits as arrays.

data.json                        labels, counts, versions, fingerprints
tokenizer/                       the tokenizer that made the ids
train/ validation/ test/
    ids.npy      uint16 or int32[tokens], no special tokens, nothing cut
    offsets.npy  int64[reviews + 1], review i has ids[offsets[i]:offsets[i + 1]]
    labels.npy   int32[reviews], positions in the list of labels
    texts.jsonl  {"text": cleaned, "label": name, "source": where it came from}
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from tokenize import TokenError
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from keras_sentiment.cleaning import CLEANING_VERSION, clean
from keras_sentiment.config import InputError, require_labels
from keras_sentiment.fingerprint import fingerprint, hash_text, unpack_hashes
from keras_sentiment.json_files import parse_object, read_object
from keras_sentiment.reviews import Review, match_label
from keras_sentiment.splits import SPLITS
from keras_sentiment.tokenizer import Tokenizer

FORMAT_VERSION = 1
INFO_FILE = "data.json"
TOKENIZER_FOLDER = "tokenizer"
IDS_FILE, OFFSETS_FILE, LABELS_FILE = "ids.npy", "offsets.npy", "labels.npy"
TEXTS_FILE = "texts.jsonl"
CHUNK_REVIEWS = 1024
_SURROGATE = re.compile("[\ud800-\udfff]")
CHUNK_CHARACTERS = 4_000_000


class Record(NamedTuple):
    """A cleaned review beside its ids: a row of `texts.jsonl`."""

    text: str
    label: str
    source: str


def ids_dtype(vocabulary_size: int) -> type[np.uint16 | np.int32]:
    """Return the narrower integer type that holds every id."""
    return np.uint16 if vocabulary_size <= 2**16 else np.int32


def in_chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    """Yield lists of texts that are few and, together, short, so that encoding needs little memory."""
    chunk: list[str] = []
    characters = 0
    for text in texts:
        if chunk and characters + len(text) > CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
        chunk.append(text)
        characters += len(text)
        if len(chunk) == CHUNK_REVIEWS:  # not one text later: a stream may pause here
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


@dataclass(frozen=True)
class Split:
    """Encoded reviews: on disk (a part of a corpus) or in memory.

    Args:
        ids: uint16 or int32[tokens], all reviews one after another.
        offsets: int64[reviews + 1], where each begins.
        labels: int32[reviews]; -1 where no label is known.
        records: gives an iterator over the cleaned texts, in order; can be pickled, as worker processes
            need.
    """

    ids: npt.NDArray[Any]
    offsets: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int32]
    records: Callable[[], Iterator[Record]]

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def lengths(self) -> npt.NDArray[np.int64]:
        """int64[reviews], tokens of each review, specials not counted."""
        return np.diff(self.offsets)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the sorted (text, label) pairs."""
        hashes = bytearray()
        names: dict[str, int] = {}
        labels = []
        for record in self.records():
            hashes += hash_text(record.text)
            labels.append(names.setdefault(record.label, len(names)))
        return fingerprint(unpack_hashes(hashes), np.array(labels, np.int32), list(names))

    def ids_of(self, index: int) -> npt.NDArray[Any]:
        """Return the ids of a review, int[tokens], whole and without specials."""
        return self.ids[self.offsets[index] : self.offsets[index + 1]]

    def texts(self) -> Iterator[str]:
        """Yield the cleaned texts, in order."""
        return (record.text for record in self.records())

    def take(self, indices: Sequence[int] | npt.NDArray[np.integer[Any]]) -> Split:
        """Return the reviews at some indices as a split in memory.

        Args:
            indices: increasing positions, because the texts are read from the first to the last.
        """
        chosen = np.asarray(indices, np.int64)
        if len(chosen) and (chosen[0] < 0 or chosen[-1] >= len(self) or np.any(np.diff(chosen) <= 0)):
            raise ValueError(f"indices must be increasing, from 0 to {len(self) - 1}. Received: {indices!r}")
        parts = [self.ids_of(index) for index in chosen]
        return Split(
            np.concatenate(parts) if parts else self.ids[:0],
            np.concatenate([[0], np.cumsum(self.lengths[chosen])]).astype(np.int64),
            np.asarray(self.labels)[chosen],
            partial(_chosen_records, self.records, set(chosen.tolist())),
        )

    def limit(self, size: int, seed: int) -> Split:
        """Return a stratified draw of `size` reviews, or the split itself if it has no more.

        Raises:
            InputError: if `size` is too small for a review of every label.
        """
        if size >= len(self):
            return self
        labels = np.asarray(self.labels)
        names = np.unique(labels)
        if size < len(names):
            raise InputError(f"a limit of {size} reviews cannot hold all {len(names)} labels; raise it")
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(labels))
        # Each review's rank within its label, as a share of the label: the lowest shares are a draw
        # in the label's own proportion. The first of each label comes before everything else.
        share = np.empty(len(labels))
        for name in names:
            members = order[labels[order] == name]
            share[members] = (np.arange(len(members)) + 0.5) / len(members)
            share[members[0]] = -1
        return self.take(np.sort(np.lexsort((order, share))[:size]))

    @classmethod
    def from_texts(
        cls,
        texts: Iterable[str],
        tokenizer: Tokenizer,
        labels: Sequence[str] = (),
        names: Iterable[str] = (),
        sources: Iterable[str] = (),
    ) -> Split:
        """Clean and encode texts in memory.

        Args:
            texts: as they were written.
            tokenizer: of the model that will read them.
            labels: the list of labels; empty where none are known.
            names: the label of each text, one of `labels`.
            sources: what a report calls each text.
        """
        cleaned = [clean(text) for text in texts]
        parts = [ids for chunk in in_chunks(cleaned) for ids in tokenizer.encode(chunk)]
        lengths = np.fromiter((len(ids) for ids in parts), np.int64, len(parts))
        dtype = ids_dtype(tokenizer.vocabulary_size)
        found = list(names) or [""] * len(cleaned)
        found_sources = list(sources) or [str(index + 1) for index in range(len(cleaned))]
        records = [Record(*row) for row in zip(cleaned, found, found_sources, strict=True)]
        return cls(
            np.concatenate(parts).astype(dtype) if parts else np.zeros(0, dtype),
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            np.array([labels.index(name) if labels else -1 for name in found], np.int32),
            partial(iter, records),
        )

    @classmethod
    def from_reviews(cls, reviews: Iterable[Review], tokenizer: Tokenizer, labels: Sequence[str]) -> Split:
        """Clean and encode the reviews of a source in memory, for a model with these labels.

        Raises:
            InputError: for a label that the model does not have, naming the review.
        """
        texts, names, sources = [], [], []
        for review in reviews:
            try:
                names.append(labels[match_label(review.label, labels)])
            except InputError as error:
                raise InputError(f"{review.source}: {error}") from None
            texts.append(review.text)
            sources.append(review.source)
        split = cls.from_texts(texts, tokenizer, labels, names, sources)
        for index in np.flatnonzero(split.lengths == 0):
            raise InputError(f"{sources[index]}: the review has no text after cleaning; remove it")
        return split


@dataclass(frozen=True)
class Corpus:
    """A prepared corpus, its arrays mapped from disk.

    Args:
        path: the DATA_DIR.
        info: what `data.json` holds.
        splits: `train`, `validation` and `test`.
    """

    path: Path
    info: dict[str, Any]
    splits: dict[str, Split]

    @property
    def labels(self) -> list[str]:
        """The names of the labels; a label's id is its position."""
        return list(self.info["labels"])

    def tokenizer(self) -> Tokenizer:
        """Return the tokenizer that made the ids."""
        return Tokenizer.load(self.path / TOKENIZER_FOLDER)


def read_records(path: Path, reviews: int, labels: Sequence[str]) -> Iterator[Record]:
    """Yield the rows of a `texts.jsonl`.

    Args:
        reviews: how many there should be.
        labels: the names that a row may have.

    Raises:
        InputError: while iterating, for a line that is no row of ours, or another number of them.
    """
    number = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            row = parse_object(line, f"{path}:{number}")
            texts = row.keys() == set(Record._fields) and all(isinstance(v, str) for v in row.values())
            # A lone surrogate is no text; the name of a file can hold one.
            if not texts or row["label"] not in labels or _SURROGATE.search(row["text"]):
                raise InputError(f"{path}:{number}: no row of ours; prepare it again with --overwrite")
            yield Record(**row)
    if number != reviews:
        raise InputError(f"{path}: {number} rows instead of {reviews}; prepare it again with --overwrite")


def _chosen_records(records: Callable[[], Iterator[Record]], chosen: set[int]) -> Iterator[Record]:
    return (record for index, record in enumerate(records()) if index in chosen)


def is_corpus(path: Path) -> bool:
    """Return whether a folder is a prepared corpus and holds nothing else."""
    ours = {INFO_FILE, TOKENIZER_FOLDER, *SPLITS}
    return (path / INFO_FILE).is_file() and {item.name for item in path.iterdir()} <= ours


def open_corpus(path: str | Path) -> Corpus:
    """Open a DATA_DIR without reading it into memory.

    Raises:
        InputError: if it is none, comes from a later version, or is damaged.
    """
    path = Path(path)
    try:
        info = read_object(path / INFO_FILE)
        version = int(info["format_version"])
    except (ValueError, KeyError, TypeError):
        raise InputError(
            f"{path}: not a prepared corpus (no readable {INFO_FILE}); make one with `prepare`"
        ) from None
    if version > FORMAT_VERSION:
        raise InputError(
            f"{path}: written in format {version}, and this version reads {FORMAT_VERSION}; "
            "update keras-sentiment or prepare it again"
        )
    if info.get("cleaning_version") != CLEANING_VERSION:
        raise InputError(
            f"{path}: its texts were cleaned by version {info.get('cleaning_version')} of the rules, "
            f"and this version has {CLEANING_VERSION}; prepare it again"
        )
    try:
        require_labels(info["labels"])
        texts = [info["source"], info["fingerprint"], info["tokenizer"]["sha256"]]
        texts += [info["splits"][name]["fingerprint"] for name in SPLITS]
        numbers = [info["splits"][name]["reviews"] for name in SPLITS]
        if any(type(text) is not str for text in texts) or any(type(number) is not int for number in numbers):
            raise TypeError("a value is of another type")
    except (InputError, KeyError, TypeError) as error:
        raise InputError(
            f"{path / INFO_FILE}: it lacks or mistakes a key ({error}); prepare it again with --overwrite"
        ) from None
    corpus = Corpus(path, info, {})
    tokenizer = corpus.tokenizer()
    if tokenizer.sha256 != info["tokenizer"]["sha256"]:
        raise InputError(f"{path}: its tokenizer is not the one that it was prepared with; prepare it again")
    for name in SPLITS:
        corpus.splits[name] = _open_split(path / name, info, tokenizer.vocabulary_size)
    return corpus


def _open_split(folder: Path, info: dict[str, Any], vocabulary_size: int) -> Split:
    reviews = info["splits"][folder.name]["reviews"]
    try:
        ids = _open_array(folder / IDS_FILE, ids_dtype(vocabulary_size))
        offsets = _open_array(folder / OFFSETS_FILE, np.int64)
        labels = _open_array(folder / LABELS_FILE, np.int32)
        (folder / TEXTS_FILE).stat()
        if not len(labels) == len(offsets) - 1 == reviews or offsets[-1] != len(ids):
            raise InputError("arrays of other sizes")
        if offsets[0] != 0 or np.any(np.diff(offsets) < 0):
            raise InputError(f"{OFFSETS_FILE} is not in order")
        # In pieces, because neither array has to fit into memory.
        for array, limit in ((ids, vocabulary_size), (labels, len(info["labels"]))):
            for piece in (array[start : start + (1 << 20)] for start in range(0, len(array), 1 << 20)):
                if piece.min() < 0 or piece.max() >= limit:
                    raise InputError(f"a number is not from 0 to {limit - 1}")
    # NumPy parses the header of a file as Python's own literals.
    except (
        OSError,
        ValueError,
        EOFError,
        TypeError,
        OverflowError,
        SyntaxError,
        TokenError,
        UserWarning,
    ) as error:
        raise InputError(f"{folder}: damaged corpus ({error}); prepare it again with --overwrite") from None
    return Split(ids, offsets, labels, partial(read_records, folder / TEXTS_FILE, reviews, info["labels"]))


def _open_array(file: Path, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Map an array from disk; unlike `np.load` it opens nothing else than one, and so no pickle."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of a header that NumPy has to mend first
        array = np.lib.format.open_memmap(file, mode="r")
    if array.ndim != 1 or array.dtype != dtype:
        raise InputError(f"{file.name} is no list of {np.dtype(dtype)}")
    return array
