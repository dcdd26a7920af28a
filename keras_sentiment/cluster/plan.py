"""What a cluster is to do: the model, the parts of the input, the columns of the output."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import asdict, dataclass
from functools import cached_property

import pyarrow
from pyarrow import parquet

from keras_sentiment.data.readers.dialect import Dialect
from keras_sentiment.errors import InputError
from keras_sentiment.inference.artifact import MANIFEST_FILE, Artifact
from keras_sentiment.inference.result_files import result_fields
from keras_sentiment.inference.streaming import RESULTS, KeptColumns
from keras_sentiment.storage.checksums import sha256

FORMAT_VERSION = 1
# In the metadata of a part's file: of which plan it is.
PLAN_KEY = b"keras_sentiment.plan"


@dataclass(frozen=True)
class TableFile:
    """A file whose rows are cut into parts.

    Args:
        path: absolute, the same on every machine that reads it.
        name: what a message calls it.
        size: bytes.
        modified: when, in nanoseconds.
        dialect: how its text is read; None for Parquet.
    """

    path: str
    name: str
    size: int
    modified: int
    dialect: Dialect | None = None


@dataclass(frozen=True)
class Part:
    """Rows of a file that follow one another.

    Args:
        file: its position in the list of files.
        start: where they begin: a byte of a file of lines, a row of a Parquet file, counted from 0.
        stop: where the next part begins.
        line: number of the line at `start`; of Parquet, of the row.
        rows: how many there are that can be read.
    """

    file: int
    start: int
    stop: int
    line: int
    rows: int


@dataclass(frozen=True)
class Parts:
    """Tables cut into parts, in order, and the columns that they have together.

    Args:
        text_format: one of `TABLE_FORMATS`, of all files.
        text_column: of the texts.
    """

    text_format: str
    text_column: str
    files: tuple[TableFile, ...]
    parts: tuple[Part, ...]
    schema: pyarrow.Schema


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
        plan.names()
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

    def to_bytes(self) -> bytes:
        """Returns the same as it is written: the name of a file may be no text."""
        return self.to_json().encode("utf-8", "surrogatepass")

    @cached_property
    def digest(self) -> bytes:
        return hashlib.sha256(self.to_bytes()).hexdigest().encode()

    @cached_property
    def schema(self) -> pyarrow.Schema:
        """The columns of the output."""
        names = self.names()
        fields = [(names[field.name], field.type) for field in self.parts.schema]
        return pyarrow.schema([*fields, *result_fields(self.labels)], {PLAN_KEY: self.digest})

    def names(self) -> dict[str, str]:
        """Returns the names of the input's columns in the output."""
        return KeptColumns(None, RESULTS).names(self.parts.schema.names)
