"""A folder of labelled tables on disk: Parquet files, a part of the input each, and the plan they follow.

_plan.json             what is scored with what, and where each part of it lies
part-000000.parquet    the input's columns, and what the model says

Each file appears by rename, so that what is there is whole; whoever writes a part again writes the same.
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
from keras_sentiment.storage.atomic import staged_for, staged_name, staged_path
from keras_sentiment.storage.locks import lock, unlock

PLAN_FILE = "_plan.json"  # pyarrow, pandas, polars and Spark pass over it
_OURS = re.compile(rf"{PLAN_FILE}|part-\d{{6,}}\.parquet")


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
            found = parquet.read_metadata(self.part(number))
        except (OSError, pyarrow.ArrowException):
            return False
        mark = (found.metadata or {}).get(PLAN_KEY)
        return mark == self.plan.digest and found.num_rows == self.plan.parts.parts[number].rows

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
            for item in path.glob("part-*.parquet"):
                item.unlink()
        with staged_path(path / PLAN_FILE) as staging:
            staging.write_text(plan.to_json(), encoding="utf-8", errors="surrogatepass")
        try:
            yield OutputFolder(path, plan)
        finally:
            _tidy(path)
    finally:
        unlock(held)


def _require(path: Path, plan: Plan, overwrite: bool) -> None:
    if any(Path(file.path).parent == path for file in plan.parts.files):
        raise InputError(f"{path}: is the folder that is read; name another for --output")
    names = {item.name for item in path.iterdir()}
    others = {name for name in names if not _OURS.fullmatch(staged_name(name) or name)}
    written = {name for name in names if _OURS.fullmatch(name)}
    if others or (written and PLAN_FILE not in written):
        raise InputError(f"{path}: holds files that are not from this command; name another folder")
    if written and not overwrite:
        there = (path / PLAN_FILE).read_text(encoding="utf-8", errors="surrogatepass")
        if there != plan.to_json():
            raise InputError(
                f"{path}: holds the labels of other input, or of another model; "
                "name another folder or add --overwrite"
            )


def _tidy(path: Path) -> None:
    """Takes away what killed processes left half-written."""
    for item in path.iterdir():
        if staged_name(item.name):
            item.unlink(missing_ok=True)
