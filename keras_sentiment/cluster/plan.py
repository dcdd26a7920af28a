"""The plan of a prediction on a cluster: the model, the parts of the input, the columns of the output."""

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
# Key of the plan's SHA-256 in the metadata of a part.
PLAN_KEY = b"keras_sentiment.plan"


@dataclass(frozen=True)
class TableFile:
    """A file whose rows are divided into parts.

    Args:
        path: absolute path, the same on every machine.
        name: the name of the file in messages.
        size: bytes.
        modified: time of the last change, in nanoseconds since 1970.
        dialect: how a text file is read; None for Parquet.
    """

    path: str
    name: str
    size: int
    modified: int
    dialect: Dialect | None = None


@dataclass(frozen=True)
class Part:
    """Consecutive rows of a file.

    Args:
        file: index of the file in the list of files.
        start: first byte of the part in a text file, or first row in a Parquet file, counted from 0.
        stop: `start` of the next part.
        line: number of the line at `start`, or of the row in a Parquet file, counted from 1.
        rows: number of rows whose text can be read.
    """

    file: int
    start: int
    stop: int
    line: int
    rows: int


@dataclass(frozen=True)
class Parts:
    """The parts of tables, in order, and the columns that the tables share.

    Args:
        text_format: format of all files, one of `TABLE_FORMATS`.
        text_column: column with the texts.
        files: the tables.
        parts: the parts of the tables.
        schema: names and types of the columns.
    """

    text_format: str
    text_column: str
    files: tuple[TableFile, ...]
    parts: tuple[Part, ...]
    schema: pyarrow.Schema


@dataclass(frozen=True)
class Plan:
    """Everything that determines the content of the output folder.

    Args:
        model: SHA-256 of the artifact's manifest.
        labels: names of the labels.
        windows: whether long texts are read in windows instead of truncated.
        parts: parts of the input.
    """

    model: str
    labels: tuple[str, ...]
    windows: bool
    parts: Parts

    @classmethod
    def of(cls, artifact: Artifact, windows: bool, parts: Parts) -> Plan:
        """Returns the plan to score parts with an artifact.

        Raises:
            InputError: a column of the input has the name of an output column, or can't be written as
                Parquet.
        """
        plan = cls(sha256(artifact.path / MANIFEST_FILE), artifact.labels, windows, parts)
        plan.names()
        try:
            parquet.write_table(plan.schema.empty_table(), io.BytesIO())
        except pyarrow.ArrowException as error:
            reason = " ".join(str(error).split())
            wrong = f"a column of the input can't be written as Parquet ({reason})"
            raise InputError(f"{wrong}; leave the column out") from None
        return plan

    def to_json(self) -> str:
        """Returns the plan as JSON; different plans have different JSON."""
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
        """Returns the JSON in UTF-8; surrogates in a file name are kept."""
        return self.to_json().encode("utf-8", "surrogatepass")

    @cached_property
    def digest(self) -> bytes:
        return hashlib.sha256(self.to_bytes()).hexdigest().encode()

    @cached_property
    def schema(self) -> pyarrow.Schema:
        """Columns of the output: those of the input, and the predictions."""
        names = self.names()
        fields = [(names[field.name], field.type) for field in self.parts.schema]
        return pyarrow.schema([*fields, *result_fields(self.labels)], {PLAN_KEY: self.digest})

    def names(self) -> dict[str, str]:
        """Returns the name in the output for each column of the input."""
        return KeptColumns(None, RESULTS).names(self.parts.schema.names)
