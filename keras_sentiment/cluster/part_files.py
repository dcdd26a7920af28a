"""A folder of labelled tables on disk: Parquet files, a part of the input each, and the plan they follow.

_plan.json             what is scored with what, and where each part of it lies
part-000000.parquet    the input's columns, and what the model says

Each file appears by rename, so that what is there is whole; whoever writes a part again writes the same.
A folder that is there may be a stranger's: only regular files in it are read and replaced. That a part has
the labels that its plan would give can't be told without scoring it again.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import parquet

from keras_sentiment.cluster.plan import PLAN_KEY, Plan
from keras_sentiment.errors import InputError
from keras_sentiment.inference.streaming import RESULTS
from keras_sentiment.storage.atomic import staged_for, staged_name, staged_path, writing
from keras_sentiment.storage.locks import lock, unlock
from keras_sentiment.storage.untrusted import open_regular

PLAN_FILE = "_plan.json"  # pyarrow, pandas, polars and Spark pass over it
# At the end of a part's file. An entry takes 200 bytes of memory that the file need not have.
MOST_CHARACTERS, MOST_ENTRIES = 16 << 20, 100_000
_OURS = re.compile(rf"{PLAN_FILE}|part-(?:[0-9]{{6}}|[1-9][0-9]{{6,}})\.parquet")


class OutputFolder:
    """A folder that is being filled, part by part, by whoever may write there."""

    def __init__(self, path: Path, plan: Plan) -> None:
        self.path, self.plan = path, plan

    def part(self, number: int) -> Path:
        """Returns the file of a part."""
        return self.path / f"part-{number:06}.parquet"

    def missing(self) -> list[int]:
        """Returns the numbers of the parts that are not there, or not whole."""
        return [number for number in range(len(self.plan.parts.parts)) if not self._is_complete(number)]

    def _is_complete(self, number: int) -> bool:
        try:
            with open_regular(self.part(number)) as file:
                found = parquet.ParquetFile(
                    file, thrift_string_size_limit=MOST_CHARACTERS, thrift_container_size_limit=MOST_ENTRIES
                )
                mark, rows = (found.metadata.metadata or {}).get(PLAN_KEY), found.metadata.num_rows
        except (OSError, pyarrow.ArrowException, ValueError):
            return False
        return mark == self.plan.digest and rows == self.plan.parts.parts[number].rows

    @contextlib.contextmanager
    def staged(self, number: int) -> Iterator[Path]:
        """Gives a file to write, which becomes a part when the block ends without an error."""
        with staged_path(self.part(number)) as staging:
            yield staging

    def attempts(self, number: int) -> int:
        """Returns how many have begun a part and neither ended it nor failed."""
        return len(staged_for(self.part(number)))

    def write(self, staging: Path, rows: pyarrow.Table, results: Sequence[dict[str, Any]]) -> None:
        """Writes the rows of a part with what the model says of each."""
        schema = self.plan.schema
        said = [
            pyarrow.array([result[name] for result in results], schema.field(name).type) for name in RESULTS
        ]
        parquet.write_table(pyarrow.table([*rows.columns, *said], schema=schema), staging)


@contextlib.contextmanager
def output_folder(path: Path, plan: Plan, overwrite: bool) -> Iterator[OutputFolder]:
    """Gives a folder to fill, alone, that is new, empty, or holds parts of the same plan.

    Args:
        overwrite: take away the parts of another plan, or of this one, first.

    Raises:
        InputError: it holds something else, or another process fills it.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_dir():
        raise InputError(f"{path}: is a file; name a folder for --output")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: no folder can be made there ({error.strerror})") from error
    held = lock(path)
    try:
        _require(path, plan, overwrite)
        _tidy(path)
        if overwrite:
            for name in _names(path):
                if name != PLAN_FILE:
                    (path / name).unlink()
        with writing(path / PLAN_FILE), staged_path(path / PLAN_FILE) as staging:
            staging.write_bytes(plan.to_bytes())
        try:
            yield OutputFolder(path, plan)
        finally:
            _tidy(path)
    finally:
        unlock(held)


def _require(path: Path, plan: Plan, overwrite: bool) -> None:
    if any(Path(file.path).parent == path for file in plan.parts.files):
        raise InputError(f"{path}: is the folder that is read; name another for --output")
    names = _names(path)
    others = {name for name in names if not _OURS.fullmatch(staged_name(name) or name)}
    written = {name for name in names if _OURS.fullmatch(name)}
    if others or (written and PLAN_FILE not in written):
        raise InputError(f"{path}: holds files that are not from this command; name another folder")
    if written and not overwrite:
        expected = plan.to_bytes()
        try:
            with open_regular(path / PLAN_FILE) as file:
                there = file.read(len(expected) + 1)
        except OSError as error:
            reason = f"can't be read ({error.strerror})"
            raise InputError(f"{path / PLAN_FILE}: {reason}; name another folder for --output") from None
        if there != expected:
            raise InputError(
                f"{path}: holds the labels of other input, or of another model; "
                "name another folder or add --overwrite"
            )
    folder = OutputFolder(path, plan)
    planned = {folder.part(number).name for number in range(len(plan.parts.parts))}
    if not overwrite and (beyond := sorted(written - planned - {PLAN_FILE})):
        raise InputError(
            f"{path / beyond[0]}: is no part of this output, of {len(planned):,} parts, and would be read "
            "with them; move it away or add --overwrite, which removes it"
        )


def _names(path: Path) -> set[str]:
    """Returns the names in a folder.

    Raises:
        InputError: one of them is a link, a folder, or no regular file; names it.
    """
    found = set()
    with os.scandir(path) as entries:
        for entry in entries:
            if not entry.is_file(follow_symlinks=False):
                kind = "a link" if entry.is_symlink() else "no regular file"
                raise InputError(f"{path / entry.name}: {kind}; name another folder for --output")
            found.add(entry.name)
    return found


def _tidy(path: Path) -> None:
    """Takes away what killed processes left half-written."""
    for name in os.listdir(path):
        if staged_name(name):
            with contextlib.suppress(OSError):  # as of a folder that somebody has put there
                (path / name).unlink()
