"""Preparation of a corpus on disk from reviews, in two passes and in bounded memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_sentiment.data.chunks import in_chunks
from keras_sentiment.data.config import LEARNED_VOCABULARY, PrepareConfig
from keras_sentiment.data.corpus import FORMAT_VERSION, Corpus, SplitWriter, is_corpus, open_corpus
from keras_sentiment.data.corpus_files import INFO_FILE, REJECTED_FILE, TOKENIZER_FOLDER, UNLABELLED
from keras_sentiment.data.doubts import Doubts
from keras_sentiment.data.encoded_split import ids_dtype
from keras_sentiment.data.fingerprint import fingerprint
from keras_sentiment.data.groups import where_all_known
from keras_sentiment.data.prefetch import ordered_prefetch
from keras_sentiment.data.readers.bad_rows import BadRows
from keras_sentiment.data.readers.sources import read, source_name
from keras_sentiment.data.readers.unlabelled import read_unlabelled
from keras_sentiment.data.review_index import ReviewIndex
from keras_sentiment.data.reviews import Review, doubtful_labels
from keras_sentiment.data.splitting import DROPPED, SPLITS, TRAIN, Assignment
from keras_sentiment.data.spool import cleaned, read_spool, spool_labelled, spool_unlabelled
from keras_sentiment.data.summary import corpus_warnings
from keras_sentiment.errors import InputError
from keras_sentiment.machine import choose_backend
from keras_sentiment.progress import Progress
from keras_sentiment.storage.atomic import staged_folder
from keras_sentiment.storage.json_files import MAX_CONFIG_BYTES
from keras_sentiment.text.cleaning import CLEANING_VERSION
from keras_sentiment.text.tokenizer import (
    Tokenizer,
    default_tokenizer_name,
    find_tokenizer,
)
from keras_sentiment.text.vocabulary_learning import learn_tokenizer

SPOOL_FILE, UNLABELLED_SPOOL_FILE, INDEX_FILE = "spool.jsonl", "unlabelled.jsonl", "index.bin"


def prepare(
    source: Any,
    data_dir: str | Path,
    *,
    tokenizer: str | None = None,
    vocabulary_size: int = LEARNED_VOCABULARY,
    test: Any = None,
    validation: Any = None,
    unlabelled: str | Path | None = None,
    config: PrepareConfig | None = None,
    on_error: str = "fail",
    overwrite: bool = False,
    quiet: bool = False,
    processes: int = 1,
) -> Corpus:
    """Cleans, splits and encodes labelled texts into a DATA_DIR, which is written atomically.

    The labels are sorted by name. If all labels are among `neg`, `negative`, `0`, `pos`, `positive` and `1`,
    they are renamed to `negative` and `positive`. A text of the test split is dropped from validation and
    train, and a text of the validation split is dropped from train; `corpus.info["dropped"]` has the counts.

    Args:
        source: a table (.csv, .tsv, .jsonl, .json, .parquet, .arrow), compressed or not; a pattern of tables,
            or a folder of tables called train, validation and test; a folder that Hugging Face's datasets
            saved; a folder with one subfolder of .txt files a label; aclImdb's folder or .tar.gz; `"imdb"` or
            `"sample"`; a data frame of pandas or polars, a table of pyarrow, a dataset of Hugging Face, or a
            dictionary with one of them for each split; an iterable of `(text, label)`.
        data_dir: the folder to make.
        tokenizer: `"minilm"`, a KerasHub preset, a folder, or `"learn"`; by default `"minilm"` if it is
            installed, else the preset `"bert_base_en_uncased"`.
        vocabulary_size: int, number of tokens of a learned vocabulary.
        test: another source, whose reviews are the test split.
        validation: another source, whose reviews are the validation split.
        unlabelled: a folder, a table or a .txt file with unlabelled texts, for pretraining and distillation.
        config: how a table is read; seed and size of the held-out splits.
        on_error: `"fail"`, or `"skip"` to leave out rows that can't be used and list them in `rejected.csv`
            of the DATA_DIR.
        overwrite: whether an existing DATA_DIR is replaced.
        quiet: whether to print nothing to standard error.
        processes: int >= 1, number of processes that clean texts.

    Returns:
        The corpus; its `info` has counts and warnings.

    Raises:
        InputError: the source can't be used, or `data_dir` exists; the message names the file, the row and
            the fix.

    Example:
        >>> pairs = [(f"a good film, number {n}", "positive") for n in range(40)]
        >>> pairs += [(f"a bad film, number {n}", "negative") for n in range(40)]
        >>> corpus = prepare(pairs, "data/films", tokenizer="learn", vocabulary_size=100, quiet=True)
        >>> corpus.labels
        ['negative', 'positive']
    """
    choose_backend()
    config = config or PrepareConfig()
    name = tokenizer or default_tokenizer_name()
    bad_rows = BadRows(on_error, quiet)
    texts = () if unlabelled is None else read_unlabelled(unlabelled, config, quiet=quiet, bad_rows=bad_rows)
    prepare_corpus(
        read(
            source,
            config,
            test=test,
            validation=validation,
            unlabelled=unlabelled is not None,
            quiet=quiet,
            bad_rows=bad_rows,
        ),
        data_dir,
        vocabulary_size if name == "learn" else find_tokenizer(name),
        unlabelled=texts,
        source=source_name(source),
        tokenizer_name=name,
        config=config,
        bad_rows=bad_rows,
        overwrite=overwrite,
        quiet=quiet,
        processes=processes,
    )
    return open_corpus(data_dir)


def prepare_corpus(
    reviews: Iterable[Review],
    path: str | Path,
    tokenizer: Tokenizer | int,
    *,
    unlabelled: Iterable[Review] = (),
    source: str = "",
    tokenizer_name: str = "",
    config: PrepareConfig | None = None,
    bad_rows: BadRows | None = None,
    overwrite: bool = False,
    quiet: bool = False,
    processes: int = 1,
) -> dict[str, Any]:
    """Clean, split and encode reviews into a DATA_DIR, which is written atomically.

    Args:
        reviews: the reviews, from `sources.read`.
        path: the DATA_DIR to make.
        tokenizer: the tokenizer, or the size of a vocabulary to learn from the train and unlabelled texts.
        unlabelled: texts from `read_unlabelled`, for pretraining; copies of a validation or test text are
            left out.
        source: name of the source, stored in the DATA_DIR.
        tokenizer_name: name of the tokenizer, stored in the DATA_DIR.
        config: seed and size of the held-out splits.
        bad_rows: receives the reviews that can't be used.
        overwrite: whether an existing DATA_DIR is replaced.
        quiet: whether to show no progress.
        processes: int >= 1, number of processes that clean texts; the tokenizer always uses all cores.

    Returns:
        The content of `data.json` without its format version.

    Raises:
        InputError: the reviews can't be used, or `path` exists.
    """
    config, bad_rows = config or PrepareConfig(), bad_rows or BadRows()
    with (
        staged_folder(Path(path), overwrite=overwrite, is_ours=is_corpus) as folder,
        ExitStack() as files,
    ):
        spool, known = folder / SPOOL_FILE, folder / INDEX_FILE
        index = ReviewIndex(known, files)
        if bad_rows.skip:
            bad_rows.write_to(folder / REJECTED_FILE, files)
        doubts = Doubts()
        spool_labelled(cleaned(reviews, processes), index, spool, bad_rows, doubts, quiet)
        bad_rows.require_enough(len(index))
        warnings = doubtful_labels(index.label_counts()) + doubts.warnings()
        labels, names = index.renamed()
        assignment = index.assign(labels, names, config)
        more = folder / UNLABELLED_SPOOL_FILE
        others = cleaned(unlabelled, processes)
        kept = spool_unlabelled(others, more, index.held_out(assignment), quiet or not unlabelled)
        if isinstance(tokenizer, int):
            tokenizer = learn_tokenizer(partial(_train_texts, spool, more, assignment), tokenizer)
        info: dict[str, Any] = {
            "source": source,
            "labels": names,
            "splits": _encode(folder, spool, index, labels, names, assignment, tokenizer, quiet),
            **({UNLABELLED: _encode_unlabelled(folder, more, kept, tokenizer, quiet)} if kept else {}),
            "dropped": assignment.dropped,
            "contradictions": assignment.contradictions,
            "rejected": bad_rows.count,
            "label_names": index.label_names(),
            "cleaning_version": CLEANING_VERSION,
            "tokenizer": {
                "name": tokenizer_name,
                "sha256": tokenizer.sha256,
                "vocabulary_size": tokenizer.vocabulary_size,
            },
            "seed": config.seed,
            "fingerprint": fingerprint(index.hashes, labels, names),
        }
        info["warnings"] = warnings + corpus_warnings(info, config)
        files.close()  # Windows can't delete an open file
        for file in (spool, more, known):
            file.unlink()
        tokenizer.save(folder / TOKENIZER_FOLDER)
        text = json.dumps({"format_version": FORMAT_VERSION, **info}, indent=2, ensure_ascii=False)
        content = f"{text}\n".encode()
        if len(content) > MAX_CONFIG_BYTES:  # open_corpus would refuse it
            raise InputError(
                f"{path}: {INFO_FILE} would have {len(content):,} bytes, and at most {MAX_CONFIG_BYTES:,} "
                "are allowed; shorten the names of the labels"
            )
        (folder / INFO_FILE).write_bytes(content)
    return info


def _train_texts(spool: Path, unlabelled: Path, assignment: Assignment) -> Iterator[str]:
    """Yield the texts to learn a vocabulary from: those of train, and the unlabelled ones."""
    rows = zip(read_spool(spool), assignment.splits, strict=True)
    yield from (text for (text, _), split in rows if split == TRAIN)
    yield from (text for text, _ in read_spool(unlabelled))


def _encoded(texts: Iterable[str], tokenizer: Tokenizer) -> Iterator[tuple[str, npt.NDArray[np.int32]]]:
    """Yield each text with its ids; a chunk is encoded while the previous one is written."""
    with ThreadPoolExecutor(1) as thread:
        for chunk, ids in ordered_prefetch(thread, tokenizer.encode, in_chunks(texts), 1):
            yield from zip(chunk, ids, strict=True)


def _encode(
    folder: Path,
    spool: Path,
    index: ReviewIndex,
    labels: npt.NDArray[np.int32],
    names: list[str],
    assignment: Assignment,
    tokenizer: Tokenizer,
    quiet: bool,
) -> dict[str, dict[str, Any]]:
    """Second pass: encode the cleaned reviews, write the files of the splits, and return their counts."""
    hashes = index.hashes
    result: dict[str, dict[str, Any]] = {}
    with ExitStack() as files:
        dtype = ids_dtype(tokenizer.vocabulary_size)
        writers = [SplitWriter(folder / name, dtype, files) for name in SPLITS]
        progress = files.enter_context(Progress("Encoding", len(index), "reviews", quiet=quiet))
        sources = (source for _, source in read_spool(spool))
        texts = (text for text, _ in read_spool(spool))
        rows = zip(_encoded(texts, tokenizer), sources, assignment.splits, labels, strict=True)
        for (text, ids), source, split, label in rows:
            if not len(ids):
                raise InputError(f"{source}: the review has no words after cleaning; remove it")
            if split != DROPPED:
                writers[split].add(text, names[label], source, ids, tokenizer.unk_id)
            progress.update()
        group_numbers = index.group_numbers(labels)
        for split, (name, writer) in enumerate(zip(SPLITS, writers, strict=True)):
            members = assignment.splits == split
            counts = np.bincount(labels[members], minlength=len(names)).tolist()
            groups = where_all_known(group_numbers[members])
            result[name] = {
                "reviews": int(members.sum()),
                "labels": dict(zip(names, counts, strict=True)),
                "groups": None if groups is None else len(np.unique(groups)),
                "tokens": writer.finish(labels[members], groups),
                "unknown_tokens": writer.unknown_tokens,
                "words": writer.words,
                "fingerprint": fingerprint(hashes[members], labels[members], names),
            }
    return result


def _encode_unlabelled(
    folder: Path, spool: Path, reviews: int, tokenizer: Tokenizer, quiet: bool
) -> dict[str, int]:
    """Second pass over the unlabelled texts: encode and write them; return their counts."""
    with ExitStack() as files:
        writer = SplitWriter(folder / UNLABELLED, ids_dtype(tokenizer.vocabulary_size), files)
        progress = files.enter_context(Progress("Encoding unlabelled texts", reviews, quiet=quiet))
        sources = (source for _, source in read_spool(spool))
        written = 0
        texts = (text for text, _ in read_spool(spool))
        for (text, ids), source in zip(_encoded(texts, tokenizer), sources, strict=True):
            if len(ids):
                writer.add(text, "", source, ids, tokenizer.unk_id)
                written += 1
            progress.update()
        return {"reviews": written, "tokens": writer.finish(np.full(written, -1))}
