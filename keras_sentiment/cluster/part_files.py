"""The output folder: a Parquet file for each part of the input, and the plan.

_plan.json             the model, the input files, and the position of each part in them
part-000000.parquet    the columns of the input, and the predictions

Each file is written atomically, so a part that exists is complete. A part that is written twice has the same
content. An existing folder may be untrusted: only regular files in it are read and replaced. The labels in an
existing part are not checked, because that would mean to score it again.
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

PLAN_FILE = "_plan.json"  # pyarrow, pandas, polars and Spark ignore names that begin with an underscore
# Limits for the footer of a Parquet file. An entry of a few bytes takes 200 bytes of memory.
MAX_FOOTER_CHARACTERS, MAX_FOOTER_ENTRIES = 16 << 20, 100_000
_OURS = re.compile(rf"{PLAN_FILE}|part-(?:[0-9]{{6}}|[1-9][0-9]{{6,}})\.parquet")


class OutputFolder:
    """The folder that workers write parts to."""

    def __init__(self, path: Path, plan: Plan) -> None:
        self.path, self.plan = path, plan

    def part(self, number: int) -> Path:
        """Returns the path of a part."""
        return self.path / f"part-{number:06}.parquet"

    def missing(self) -> list[int]:
        """Returns the numbers of the parts that are missing or damaged."""
        return [number for number in range(len(self.plan.parts.parts)) if not self._is_complete(number)]

    def _is_complete(self, number: int) -> bool:
        try:
            with open_regular(self.part(number)) as file:
                found = parquet.ParquetFile(
                    file,
                    thrift_string_size_limit=MAX_FOOTER_CHARACTERS,
                    thrift_container_size_limit=MAX_FOOTER_ENTRIES,
                )
                mark, rows = (found.metadata.metadata or {}).get(PLAN_KEY), found.metadata.num_rows
        except (OSError, pyarrow.ArrowException, ValueError):
            return False
        return mark == self.plan.digest and rows == self.plan.parts.parts[number].rows

    @contextlib.contextmanager
    def staged(self, number: int) -> Iterator[Path]:
        """Yields the path of a new file, which becomes the part when the block ends without an error."""
        with staged_path(self.part(number)) as staging:
            yield staging

    def attempts(self, number: int) -> int:
        """Returns how many workers have begun a part and have neither finished it nor raised an error."""
        return len(staged_for(self.part(number)))

    def write(self, staging: Path, rows: pyarrow.Table, results: Sequence[dict[str, Any]]) -> None:
        """Writes the rows of a part with their predictions.

        Args:
            staging: the path that `staged` yielded.
            rows: the rows of the part.
            results: the predictions, one dictionary a row.
        """
        schema = self.plan.schema
        predicted = [
            pyarrow.array([result[name] for result in results], schema.field(name).type) for name in RESULTS
        ]
        parquet.write_table(pyarrow.table([*rows.columns, *predicted], schema=schema), staging)


@contextlib.contextmanager
def output_folder(path: Path, plan: Plan, overwrite: bool) -> Iterator[OutputFolder]:
    """Yields an output folder, locked, that is new or empty or has parts of the same plan.

    Args:
        path: the folder.
        plan: the plan of its parts.
        overwrite: whether parts that exist are removed first.

    Raises:
        InputError: the folder has other files, or another process writes to it.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_dir():
        raise InputError(f"{path}: it is a file; name a folder for --output")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"the folder can't be created ({error.strerror})"
        raise InputError(f"{path}: {reason}; name another folder for --output") from error
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
        raise InputError(f"{path}: it is the folder of the input; name another folder for --output")
    names = _names(path)
    others = {name for name in names if not _OURS.fullmatch(staged_name(name) or name)}
    written = {name for name in names if _OURS.fullmatch(name)}
    if others or (written and PLAN_FILE not in written):
        raise InputError(f"{path}: it has files that this command did not write; name another folder")
    if written and not overwrite:
        expected = plan.to_bytes()
        try:
            with open_regular(path / PLAN_FILE) as file:
                there = file.read(len(expected) + 1)
        except OSError as error:
            reason = f"it can't be read ({error.strerror})"
            raise InputError(f"{path / PLAN_FILE}: {reason}; name another folder for --output") from None
        if there != expected:
            raise InputError(
                f"{path}: it has predictions for another input or of another model; "
                "name another folder or add --overwrite"
            )
    folder = OutputFolder(path, plan)
    planned = {folder.part(number).name for number in range(len(plan.parts.parts))}
    if not overwrite and (beyond := sorted(written - planned - {PLAN_FILE})):
        raise InputError(
            f"{path / beyond[0]}: it does not belong to this output, which has {len(planned):,} parts; move "
            "it away or add --overwrite, which removes it"
        )


def _names(path: Path) -> set[str]:
    """Returns the names of the files in a folder.

    Raises:
        InputError: an entry is not a regular file.
    """
    found = set()
    with os.scandir(path) as entries:
        for entry in entries:
            if not entry.is_file(follow_symlinks=False):
                kind = "a link" if entry.is_symlink() else "not a regular file"
                raise InputError(f"{path / entry.name}: it is {kind}; name another folder for --output")
            found.add(entry.name)
    return found


def _tidy(path: Path) -> None:
    """Removes the temporary files of killed processes."""
    for name in os.listdir(path):
        if staged_name(name):
            with contextlib.suppress(OSError):  # the name may be that of a folder
                (path / name).unlink()
