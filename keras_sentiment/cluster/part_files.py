"""A folder of labelled tables on disk: Parquet files, a part of the input each, and the plan they follow.

plan.json              what is scored with what, and where each part of it lies
part-000000.parquet    the input's columns, and what the model says

Each file appears by rename, so that what is there is whole; whoever writes a part again writes the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import parquet

from keras_sentiment.cluster.partition import Parts
from keras_sentiment.errors import InputError
from keras_sentiment.inference.artifact import MANIFEST_FILE, Artifact
from keras_sentiment.storage.atomic import hold, leave
from keras_sentiment.storage.checksums import sha256

FORMAT_VERSION = 1
PLAN_FILE = "plan.json"
# The columns that are added.
RESULTS = ("label", "probability", "probabilities", "cut")

_STAGED = ".{name}.{token}.tmp"
_OURS = re.compile(rf"{PLAN_FILE}|part-\d{{6,}}\.parquet")
_LEFT = re.compile(rf"\.({_OURS.pattern})\.[0-9a-f]{{8}}\.tmp")
# In the metadata of a part: of which plan it is.
_MARK = b"keras_sentiment.plan"


@dataclass(frozen=True)
class Plan:
    """All that decides what a folder will hold.

    Args:
        model: SHA-256 of the artifact's manifest.
        labels: names of the classes.
        windows: whether long texts are read whole.
        parts: of the input.
    """

    model: str
    labels: tuple[str, ...]
    windows: bool
    parts: Parts

    @classmethod
    def of(cls, artifact: Artifact, windows: bool, parts: Parts) -> Plan:
        """Returns the plan of scoring parts with an artifact.

        Raises:
            InputError: the input's columns leave no name for one of ours, or can't be written as Parquet.
        """
        plan = cls(sha256(artifact.path / MANIFEST_FILE), artifact.labels, windows, parts)
        names = parts.schema.names
        for name in RESULTS:
            if name in names and f"input_{name}" in names:
                raise InputError(f"the input has columns {name!r} and 'input_{name}'; rename one of them")
        try:
            parquet.write_table(plan.schema.empty_table(), io.BytesIO())
        except pyarrow.ArrowException as error:
            reason = " ".join(str(error).split())
            raise InputError(f"a column of the input can't be written as Parquet ({reason})") from None
        return plan

    def to_json(self) -> str:
        """Returns what tells it from every other plan."""
        values = {
            "format_version": FORMAT_VERSION,
            "model": self.model,
            "labels": self.labels,
            "windows": self.windows,
            "text_format": self.parts.text_format,
            "text_column": self.parts.text_column,
            "columns": {field.name: str(field.type) for field in self.parts.schema},
            "files": [asdict(file) for file in self.parts.files],
            "parts": [asdict(part) for part in self.parts.parts],
        }
        return json.dumps(values, ensure_ascii=False, separators=(",", ":")) + "\n"

    @cached_property
    def digest(self) -> bytes:
        return hashlib.sha256(self.to_json().encode("utf-8", "surrogatepass")).hexdigest().encode()

    @cached_property
    def schema(self) -> pyarrow.Schema:
        """The columns of the output."""
        fields = [
            (f"input_{field.name}" if field.name in RESULTS else field.name, field.type)
            for field in self.parts.schema
        ]
        fields += [
            ("label", pyarrow.string()),
            ("probability", pyarrow.float64()),
            ("probabilities", pyarrow.struct([(label, pyarrow.float64()) for label in self.labels])),
            ("cut", pyarrow.bool_()),
        ]
        return pyarrow.schema(fields, {_MARK: self.digest})


class LabelledFolder:
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
        mark = (found.metadata or {}).get(_MARK)
        return mark == self.plan.digest and found.num_rows == self.plan.parts.parts[number].rows

    @contextlib.contextmanager
    def staged(self, number: int) -> Iterator[Path]:
        """Gives a file to write, which becomes a part when the block ends without an error."""
        with _staged(self.part(number)) as staging:
            yield staging

    def attempts(self, number: int) -> int:
        """Returns how many have begun a part and neither ended it nor failed."""
        name = self.part(number).name
        return sum(bool(_LEFT.fullmatch(item.name)) for item in self.path.glob(f".{name}.*.tmp"))

    def write(self, staging: Path, rows: pyarrow.Table, results: Sequence[dict[str, Any]]) -> None:
        """Writes the rows of a part with what the model says of each."""
        schema = self.plan.schema
        said = [
            pyarrow.array([result[name] for result in results], schema.field(name).type) for name in RESULTS
        ]
        parquet.write_table(pyarrow.table([*rows.columns, *said], schema=schema), staging)


@contextlib.contextmanager
def labelled_folder(path: Path, plan: Plan, overwrite: bool) -> Iterator[LabelledFolder]:
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
    held = hold(path)
    try:
        _require(path, plan, overwrite)
        _tidy(path)
        if overwrite:
            for item in path.glob("part-*.parquet"):
                item.unlink()
        with _staged(path / PLAN_FILE) as staging:
            staging.write_text(plan.to_json(), encoding="utf-8", errors="surrogatepass")
        try:
            yield LabelledFolder(path, plan)
        finally:
            _tidy(path)
    finally:
        leave(held)


def _require(path: Path, plan: Plan, overwrite: bool) -> None:
    if any(Path(file.path).parent == path for file in plan.parts.files):
        raise InputError(f"{path}: is the folder that is read; name another for --output")
    names = {item.name for item in path.iterdir()}
    others = {name for name in names if not _OURS.fullmatch(name) and not _LEFT.fullmatch(name)}
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


@contextlib.contextmanager
def _staged(path: Path) -> Iterator[Path]:
    staging = path.with_name(_STAGED.format(name=path.name, token=secrets.token_hex(4)))
    staging.touch()
    try:
        yield staging
        staging.replace(path)
    finally:
        staging.unlink(missing_ok=True)


def _tidy(path: Path) -> None:
    """Takes away what killed processes left half-written."""
    for item in path.iterdir():
        if _LEFT.fullmatch(item.name):
            item.unlink(missing_ok=True)
