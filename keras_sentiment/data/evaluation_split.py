"""The reviews of one split of any source, encoded for a trained model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keras_sentiment.data.config import PrepareConfig
from keras_sentiment.data.corpus import Corpus, open_corpus
from keras_sentiment.data.corpus_files import INFO_FILE
from keras_sentiment.data.encoded_split import Split
from keras_sentiment.data.readers.archive import IMDB
from keras_sentiment.data.readers.bad_rows import BadRows
from keras_sentiment.data.readers.sources import read, source_name
from keras_sentiment.data.readers.tables import STANDARD_INPUT
from keras_sentiment.data.reviews import Review
from keras_sentiment.errors import InputError, require
from keras_sentiment.text.tokenizer import Tokenizer


def open_evaluation_split(
    data: Any,
    name: str | None,
    tokenizer: Tokenizer,
    labels: Sequence[str],
    config: PrepareConfig,
    quiet: bool = True,
    bad_rows: BadRows | None = None,
    order: Sequence[str] = ("test", "validation"),
) -> tuple[str, Split]:
    """Returns the name and the reviews of a split, encoded for a model.

    Args:
        data: a corpus, its DATA_DIR, or a source that `sources.read` takes.
        name: `train`, `validation`, `test` or `all`, or None for the default.
        tokenizer: the tokenizer of the model.
        labels: the labels of the model.
        config: how a table is read.
        quiet: whether to print nothing to standard error.
        bad_rows: receives the rows that can't be used.
        order: the default is the first of these splits that the data has; if it has none, all reviews.

    Raises:
        InputError: the data can't be read, was prepared with another vocabulary, or has labels that the model
            does not have.
    """
    corpus = _corpus(data)
    if corpus is not None:
        name = name or order[0]
        _require_fitting(corpus, name, tokenizer, labels, config)
        split = corpus.splits[name]
        if not split.has_ids_of(tokenizer):
            raise InputError(
                f"{corpus.path / name}: its token ids do not match its texts; prepare the corpus again with "
                "--overwrite"
            )
        return name, split
    splits: dict[str | None, list[Review]] = {}
    bad_rows = bad_rows or BadRows()
    for review in read(data, config, quiet=quiet, bad_rows=bad_rows):
        splits.setdefault(review.split, []).append(review)
    if name is None:
        name = next((part for part in order if part in splits), "all")
    reviews = splits.get(name) if name != "all" else [r for split in splits.values() for r in split]
    if not reviews:
        bad_rows.require_enough(0)
        raise InputError(f"{source_name(data)}: it has no {name} split; leave out --split to take all of it")
    split = Split.from_reviews(reviews, tokenizer, labels, bad_rows.add)
    bad_rows.require_enough(len(split))
    return name, split


def require_evaluation_data(
    data: Any,
    name: str | None,
    tokenizer: Tokenizer,
    labels: Sequence[str],
    config: PrepareConfig,
    on_error: str = "fail",
) -> None:
    """Refuses data that do not fit the model, without loading the model; it reads up to the first usable row.

    Args and Raises: as `open_evaluation_split`.
    """
    corpus = _corpus(data)
    if corpus is not None:
        _require_fitting(corpus, name, tokenizer, labels, config)
    elif _can_be_read_twice(data):
        next(iter(read(data, config, quiet=True, bad_rows=BadRows(on_error, quiet=True))), None)


def _can_be_read_twice(data: Any) -> bool:
    """Whether it is a table or a folder on disk, and not a pipe, a download or an archive."""
    if not isinstance(data, (str, Path)) or str(data) in (STANDARD_INPUT, IMDB):
        return False
    path = Path(data)
    return not path.exists() or path.is_dir() or (path.is_file() and not str(path).endswith((".gz", ".tgz")))


def _require_fitting(
    corpus: Corpus, name: str | None, tokenizer: Tokenizer, labels: Sequence[str], config: PrepareConfig
) -> None:
    """Refuses a corpus with another vocabulary or other labels than the model, or without the split."""
    if config.group_column is not None:
        raise InputError(
            f"{corpus.path}: the groups of a prepared corpus can't be changed; prepare "
            f"{corpus.info['source']} again with --group-column {config.group_column}"
        )
    if corpus.tokenizer().sha256 != tokenizer.sha256:
        raise InputError(
            f"{corpus.path}: it was prepared with another vocabulary than that of the model; "
            f"give its source instead ({corpus.info['source']})"
        )
    if corpus.labels != list(labels):
        raise InputError(
            f"{corpus.path}: its labels are {', '.join(corpus.labels)}, and those of the model are "
            f"{', '.join(labels)}; give data with these labels"
        )
    require(name is None or name in corpus.splits, "split", name, f"one of {', '.join(corpus.splits)}")


def _corpus(data: Any) -> Corpus | None:
    if isinstance(data, Corpus):
        return data
    prepared = isinstance(data, (str, Path)) and (Path(data) / INFO_FILE).is_file()
    return open_corpus(data) if prepared else None
