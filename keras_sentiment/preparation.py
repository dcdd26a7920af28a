"""Reviews -> a prepared corpus on disk, in two passes and in bounded memory."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from keras_sentiment.cleaning import CLEANING_VERSION, clean
from keras_sentiment.config import PrepareConfig
from keras_sentiment.corpus import FORMAT_VERSION, INFO_FILE, TOKENIZER_FOLDER, UNLABELLED, is_corpus
from keras_sentiment.encoded import ids_dtype, in_chunks
from keras_sentiment.errors import InputError
from keras_sentiment.fingerprint import fingerprint, hash_text, unpack_hashes
from keras_sentiment.reviews import Review, name_labels
from keras_sentiment.split_writer import SplitWriter
from keras_sentiment.splits import DROPPED, SPLITS, TRAIN, Assignment, assign
from keras_sentiment.staging import staged_folder
from keras_sentiment.tokenizer import Tokenizer, learn_tokenizer

SPOOL_FILE, UNLABELLED_SPOOL_FILE = "spool.jsonl", "unlabelled.jsonl"


class _Codes(dict[str, int]):
    """Numbers names in the order in which they come."""

    def __missing__(self, name: str) -> int:
        self[name] = len(self)
        return self[name]


def _short(hashes: bytes | bytearray) -> npt.NDArray[np.uint64]:
    """Return 64 bits of each hash, enough to know copies by: one mistake in a million large corpora."""
    whole = unpack_hashes(hashes)
    short: npt.NDArray[np.uint64] = whole[:, 0] ^ whole[:, 1]
    return short


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

    def held_out(self, assignment: Assignment) -> npt.NDArray[np.uint64]:
        """Return the hashes of the texts in validation and test, uint64[reviews]."""
        return _short(self.hashes)[assignment.splits > TRAIN]

    def assign(self, labels: npt.NDArray[np.int64], names: list[str], config: PrepareConfig) -> Assignment:
        positions = np.array(self.positions, np.int64)
        groups = np.array(self.groups, np.int64)
        _, texts = np.unique(_short(self.hashes), return_inverse=True)
        return assign(
            texts.astype(np.int64),
            labels,
            names,
            config=config,
            is_test=np.array(self.is_test, bool),
            positions=positions if (positions >= 0).all() else None,
            groups=groups if len(groups) else None,
        )


def prepare_corpus(
    reviews: Iterable[Review],
    path: str | Path,
    tokenizer: Tokenizer | int,
    *,
    unlabelled: Iterable[Review] = (),
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
        tokenizer: gives the ids; or the size of a vocabulary to learn from the train and unlabelled texts.
        unlabelled: from `sources.read_unlabelled`, for pretraining; copies of a validation or test text are
            left out.
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
        more = folder / UNLABELLED_SPOOL_FILE
        kept = _spool_unlabelled(unlabelled, more, table.held_out(assignment), quiet)
        if isinstance(tokenizer, int):
            texts = _train_texts(spool, assignment)
            tokenizer = learn_tokenizer(chain(texts, (text for text, _ in _read_spool(more))), tokenizer)
        info: dict[str, Any] = {
            "format_version": FORMAT_VERSION,
            "source": source,
            "labels": names,
            "splits": _encode(folder, spool, table, labels, names, assignment, tokenizer, quiet),
            **({UNLABELLED: _encode_unlabelled(folder, more, kept, tokenizer, quiet)} if kept else {}),
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
        more.unlink()
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


def _spool_unlabelled(
    reviews: Iterable[Review], spool: Path, held_out: npt.NDArray[np.uint64], quiet: bool
) -> int:
    """Clean unlabelled reviews into a file, without those that are empty or held out; return how many."""
    known, kept = set(held_out.tolist()), 0
    with spool.open("w", encoding="utf-8", newline="\n") as file:
        for review in tqdm(reviews, desc="unlabelled", unit=" reviews", disable=quiet or not reviews or None):
            text = clean(review.text)
            if text and int(_short(hash_text(text))[0]) not in known:
                file.write(json.dumps([text, review.source]) + "\n")
                kept += 1
    return kept


def _train_texts(spool: Path, assignment: Assignment) -> Iterator[str]:
    return (
        text for (text, _), split in zip(_read_spool(spool), assignment.splits, strict=True) if split == TRAIN
    )


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
        writers = [SplitWriter(folder / name, dtype, files) for name in SPLITS]
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


def _encode_unlabelled(
    folder: Path, spool: Path, reviews: int, tokenizer: Tokenizer, quiet: bool
) -> dict[str, int]:
    with ExitStack() as files:
        writer = SplitWriter(folder / UNLABELLED, ids_dtype(tokenizer.vocabulary_size), files)
        bar = files.enter_context(
            tqdm(total=reviews, desc="encoding unlabelled", unit=" reviews", disable=quiet or None)
        )
        sources = (source for _, source in _read_spool(spool))
        written = 0
        for chunk in in_chunks(text for text, _ in _read_spool(spool)):
            for text, ids in zip(chunk, tokenizer.encode(chunk), strict=True):
                source = next(sources)
                if len(ids):
                    writer.add(text, "", source, ids, tokenizer.unk_id)
                    written += 1
            bar.update(len(chunk))
        return {"reviews": written, "tokens": writer.finish(np.full(written, -1))}


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
    if more := info.get(UNLABELLED):
        lines.append(f"{UNLABELLED:<{width}}  {more['reviews']:>9,} reviews, {more['tokens']:>12,} tokens")
    dropped = ", ".join(f"{count:,} from {name}" for name, count in info["dropped"].items())
    lines.append(f"copies of a later split's text dropped: {dropped}")
    lines.append(f"texts under more than one label: {info['contradictions']:,}")
    return "\n".join(lines)
