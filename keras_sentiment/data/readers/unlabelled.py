"""Reading of unlabelled texts, for pretraining and distillation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from keras_sentiment.data.config import TableConfig
from keras_sentiment.data.readers.archive import IMDB, SUFFIXES, download, read_archive
from keras_sentiment.data.readers.bad_rows import BadRows
from keras_sentiment.data.readers.folders import read_unlabelled_folder
from keras_sentiment.data.readers.remarks import Remarks
from keras_sentiment.data.readers.table_files import matching, tables_in
from keras_sentiment.data.readers.tables import (
    STANDARD_INPUT,
    config_beside,
    open_named,
    require_known,
    require_named,
    with_texts,
)
from keras_sentiment.data.reviews import Review
from keras_sentiment.errors import InputError


def read_unlabelled(
    source: str | Path,
    config: TableConfig | None = None,
    *,
    quiet: bool = False,
    bad_rows: BadRows | None = None,
) -> Iterator[Review]:
    """Return an iterator over unlabelled texts, each a review whose label is empty.

    Args:
        source: aclImdb as a folder, an archive or `imdb`, of which `unsup` is read; another folder of .txt
            files; a .txt file with one text a line; a table, a pattern of tables or a folder of them.
        config: how a table is read.
        quiet: whether to print nothing to standard error.
        bad_rows: receives the rows that can't be used, if it skips them; by default the first one is raised.

    Raises:
        InputError: there is no such source; while iterating, a file or a row can't be read.
    """
    config, remarks = config_beside(source, config or TableConfig()), Remarks(quiet)
    bad_rows = bad_rows or BadRows()
    if source == IMDB:
        return read_archive(download(quiet=quiet), unlabelled=True)
    require_named(source)
    path = Path(source)
    if path.is_dir():
        if tables := tables_in(path):
            return _texts_of(tables, config, remarks, bad_rows)
        return read_unlabelled_folder(path, config.encoding)
    if source != STANDARD_INPUT and not path.exists():
        if matched := matching(str(source)):
            return _texts_of(matched, config, remarks, bad_rows)
        raise InputError(
            f"{source}: there is no such file or folder, and no file matches the pattern; correct the name, "
            f"or use {IMDB}"
        )
    if path.name.lower().endswith(SUFFIXES):
        return read_archive(path, unlabelled=True, encoding=config.encoding)
    require_known(path.name, config)
    return _texts_of([source], config, remarks, bad_rows)


def _texts_of(
    paths: Sequence[str | Path], config: TableConfig, remarks: Remarks, bad_rows: BadRows
) -> Iterator[Review]:
    column = config.text_column
    for path in paths:
        with open_named(path, config, {column: "--text-column"}) as table:
            remarks(table.remark)
            for number, row in with_texts(table.rows(), column, table.name):
                if not isinstance(row, InputError):
                    yield Review(row[column], "", f"{table.name}:{number}")
                elif bad_rows.skip:
                    bad_rows.add(row)
                else:
                    raise row
