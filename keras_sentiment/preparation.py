"""Reviews -> a prepared corpus on disk, in two passes and in bounded memory."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from keras_sentiment.cleaning import CLEANING_VERSION, clean
from keras_sentiment.config import PrepareConfig
from keras_sentiment.corpus import (
    FORMAT_VERSION,
    IDS_FILE,
    INFO_FILE,
    LABELS_FILE,
    OFFSETS_FILE,
    TEXTS_FILE,
    TOKENIZER_FOLDER,
    is_corpus,
)
from keras_sentiment.encoded import ids_dtype, in_chunks
from keras_sentiment.errors import InputError
from keras_sentiment.fingerprint import fingerprint, hash_text, unpack_hashes
from keras_sentiment.reviews import Review, name_labels
from keras_sentiment.splits import DROPPED, SPLITS, Assignment, assign
from keras_sentiment.staging import staged_folder
from keras_sentiment.tokenizer import Tokenizer

SPOOL_FILE = "spool.jsonl"


class _Codes(dict[str, int]):
    """Numbers names in the order in which they come."""

    def __missing__(self, name: str) -> int:
        self[name] = len(self)
        return self[name]


class _Table:
    """What splitting needs to know of each review, in about 40 bytes."""

    def __init__(self) -> None:
        self.hashes = bytearray()
        self.labels = array("i")
        self.is_test = array("b")
        self.positions = array("q")
        self.groups = array("q")
        self.label_codes = _Codes()
        self.group_codes = _Codes()

    def __len__(self) -> int:
        return len(self.labels)

    def add(self, review: Review, text: str) -> None:
        self.hashes += hash_text(text)
        self.labels.append(self.label_codes[review.label])
        self.is_test.append(review.part == "test")
        self.positions.append(-1 if review.position is None else review.position)
        if review.group is not None:
            self.groups.append(self.group_codes[review.group])

    def renamed(self) -> tuple[npt.NDArray[np.int64], list[str]]:
        """Return the final label of each review, and the names of the labels."""
        final = name_labels(self.label_codes)
        names = sorted(set(final.values()))
        codes = np.array([names.index(final[name]) for name in self.label_codes], np.int64)
        return codes[np.array(self.labels, np.int64)], names

    def assign(self, labels: npt.NDArray[np.int64], names: list[str], config: PrepareConfig) -> Assignment:
        positions = np.array(self.positions, np.int64)
        groups = np.array(self.groups, np.int64)
        hashes = unpack_hashes(self.hashes)
        # 64 bits are enough to know copies by: one mistake in a million corpora of ten million reviews.
        _, texts = np.unique(hashes[:, 0] ^ hashes[:, 1], return_inverse=True)
        return assign(
            texts.astype(np.int64),
            labels,
            names,
            config=config,
            is_test=np.array(self.is_test, bool),
            positions=positions if (positions >= 0).all() else None,
            groups=groups if len(groups) else None,
        )


class _SplitWriter:
    """Appends encoded reviews to the files of one split."""

    def __init__(self, folder: Path, dtype: npt.DTypeLike, files: ExitStack) -> None:
        folder.mkdir()
        self._folder = folder
        self._dtype = np.dtype(dtype)
        self._ids: BinaryIO = files.enter_context((folder / IDS_FILE).open("wb"))
        # A file name that is not UTF-8 reaches a row as surrogates, which JSON can escape.
        self._texts = files.enter_context(
            (folder / TEXTS_FILE).open("w", encoding="utf-8", errors="backslashreplace", newline="\n")
        )
        self._write_header(0)
        self._lengths = array("q")
        self.unknown_tokens = 0
        self.words = 0

    def _write_header(self, tokens: int) -> None:
        # NumPy pads the header so that it keeps its size while the shape grows.
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

    def finish(self, labels: npt.NDArray[np.int64]) -> int:
        """Write what is known at the end, and return the number of tokens."""
        offsets = np.concatenate([[0], np.cumsum(np.array(self._lengths, np.int64))]).astype(np.int64)
        self._write_header(int(offsets[-1]))
        np.save(self._folder / OFFSETS_FILE, offsets)
        np.save(self._folder / LABELS_FILE, labels.astype(np.int32))
        return int(offsets[-1])


def prepare_corpus(
    reviews: Iterable[Review],
    path: str | Path,
    tokenizer: Tokenizer,
    *,
    source: str = "",
    tokenizer_name: str = "",
    config: PrepareConfig | None = None,
    overwrite: bool = False,
    quiet: bool = False,
) -> dict[str, Any]:
    """Clean, split and encode reviews into a DATA_DIR, which appears whole or not at all.

    Args:
        reviews: from `sources.read`.
        path: the DATA_DIR to make.
        tokenizer: gives the ids.
        source: the word for where the reviews come from, kept in the DATA_DIR.
        tokenizer_name: the word by which the tokenizer was asked for, kept in the DATA_DIR.
        config: seed, held-out share.
        overwrite: replace an earlier DATA_DIR.
        quiet: no progress bar on standard error.

    Returns:
        What `data.json` holds.

    Raises:
        InputError: for a source that cannot be used, or a path that is taken.
    """
    config = config or PrepareConfig()
    with staged_folder(Path(path), overwrite=overwrite, is_ours=is_corpus) as folder:
        spool = folder / SPOOL_FILE
        table = _spool(reviews, spool, quiet)
        labels, names = table.renamed()
        assignment = table.assign(labels, names, config)
        info: dict[str, Any] = {
            "format_version": FORMAT_VERSION,
            "source": source,
            "labels": names,
            "splits": _encode(folder, spool, table, labels, names, assignment, tokenizer, quiet),
            "dropped": assignment.dropped,
            "contradictions": assignment.contradictions,
            "cleaning_version": CLEANING_VERSION,
            "tokenizer": {
                "name": tokenizer_name,
                "sha256": tokenizer.sha256,
                "vocabulary_size": tokenizer.vocabulary_size,
            },
            "seed": config.seed,
            "fingerprint": fingerprint(unpack_hashes(table.hashes), labels, names),
        }
        info["warnings"] = _warnings(info["splits"], config)
        spool.unlink()
        tokenizer.save(folder / TOKENIZER_FOLDER)
        text = json.dumps(info, indent=2, ensure_ascii=False)
        (folder / INFO_FILE).write_text(text + "\n", encoding="utf-8")
    return info


def _spool(reviews: Iterable[Review], spool: Path, quiet: bool) -> _Table:
    """First pass: clean every review into a file, and keep in memory what splitting needs."""
    table = _Table()
    empty: list[str] = []
    with spool.open("w", encoding="utf-8", newline="\n") as file:
        for review in tqdm(reviews, desc="reading", unit=" reviews", disable=quiet or None):
            text = clean(review.text)
            if not text:
                empty.append(review.source)
                continue
            table.add(review, text)
            file.write(json.dumps([text, review.source]) + "\n")
    if empty:
        others = f", and {len(empty) - 1} more like it" if len(empty) > 1 else ""
        raise InputError(f"{empty[0]}: the review has no text after cleaning{others}; remove it")
    return table


def _read_spool(spool: Path) -> Iterator[tuple[str, str]]:
    with spool.open(encoding="utf-8") as file:
        for line in file:
            text, source = json.loads(line)
            yield text, source


def _encode(
    folder: Path,
    spool: Path,
    table: _Table,
    labels: npt.NDArray[np.int64],
    names: list[str],
    assignment: Assignment,
    tokenizer: Tokenizer,
    quiet: bool,
) -> dict[str, dict[str, Any]]:
    """Second pass: encode the cleaned reviews into the files of their splits, and count."""
    hashes = unpack_hashes(table.hashes)
    result: dict[str, dict[str, Any]] = {}
    with ExitStack() as files:
        dtype = ids_dtype(tokenizer.vocabulary_size)
        writers = [_SplitWriter(folder / name, dtype, files) for name in SPLITS]
        bar = files.enter_context(
            tqdm(total=len(table), desc="encoding", unit=" reviews", disable=quiet or None)
        )
        sources = (source for _, source in _read_spool(spool))
        index = 0
        for chunk in in_chunks(text for text, _ in _read_spool(spool)):
            for text, ids in zip(chunk, tokenizer.encode(chunk), strict=True):
                split, source = assignment.splits[index], next(sources)
                if not len(ids):
                    raise InputError(f"{source}: the review has no words after cleaning; remove it")
                if split != DROPPED:
                    writers[split].add(text, names[labels[index]], source, ids, tokenizer.unk_id)
                index += 1
            bar.update(len(chunk))
        for split, (name, writer) in enumerate(zip(SPLITS, writers, strict=True)):
            members = assignment.splits == split
            counts = np.bincount(labels[members], minlength=len(names)).tolist()
            result[name] = {
                "reviews": int(members.sum()),
                "labels": dict(zip(names, counts, strict=True)),
                "tokens": writer.finish(labels[members]),
                "unknown_tokens": writer.unknown_tokens,
                "words": writer.words,
                "fingerprint": fingerprint(hashes[members], labels[members], names),
            }
    return result


def _warnings(splits: dict[str, dict[str, Any]], config: PrepareConfig) -> list[str]:
    tokens, unknown, words = (
        sum(split[key] for split in splits.values()) for key in ("tokens", "unknown_tokens", "words")
    )
    found = []
    if unknown > config.unknown_warning * tokens:
        found.append(f"{unknown / tokens:.0%} of the tokens are not in the tokenizer's vocabulary")
    if tokens > config.pieces_warning * words:
        found.append(f"the tokenizer cuts a word into {tokens / words:.1f} pieces on average")
    return [f"{fact}; for reviews in another language choose a --tokenizer made for it" for fact in found]


def summarize(info: dict[str, Any]) -> str:
    """Return the counts of a prepared corpus as a few readable lines."""
    width = max(len(name) for name in info["splits"])
    lines = []
    for name, split in info["splits"].items():
        labels = ", ".join(f"{count:,} {label}" for label, count in split["labels"].items())
        lines.append(
            f"{name:<{width}}  {split['reviews']:>9,} reviews, {split['tokens']:>12,} tokens: {labels}"
        )
    dropped = ", ".join(f"{count:,} from {name}" for name, count in info["dropped"].items())
    lines.append(f"copies of a later split's text dropped: {dropped}")
    lines.append(f"texts under more than one label: {info['contradictions']:,}")
    return "\n".join(lines)
