"""`predict --engine ray`: labels many files on the workers of a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from keras_sentiment.data.config import TableConfig
from keras_sentiment.errors import InputError
from keras_sentiment.scripts.command_line import say

if TYPE_CHECKING:
    from keras_sentiment.cluster.plan import Parts
    from keras_sentiment.inference.artifact import Artifact

STANDARD = "-"  # standard input or output


def for_workers(path: str, source: str, output: str, precision: str) -> Artifact:
    """Returns the artifact for workers, after what can be refused before anything is read."""
    if STANDARD in (source, output):
        raise click.UsageError("--engine ray reads --input FILES and writes --output FOLDER; give both.")
    if Path(output).suffix.lower() in (".csv", ".jsonl", ".parquet"):
        raise InputError(
            f"{output}: --engine ray writes a folder of Parquet files; name it without an ending"
        )
    from keras_sentiment.cluster.ray_job import open_for_workers
    from keras_sentiment.inference.load import require_own_precision

    artifact = open_for_workers(path)
    require_own_precision(artifact.path, precision)
    return artifact


def cut(source: str, config: TableConfig, skip: Callable[[InputError], None] | None, quiet: bool) -> Parts:
    """Returns the parts of the files, each for one worker at a time."""
    from keras_sentiment.cluster.partition import find_files, partition

    return partition(find_files(source), config, skip, quiet)


def score_on_ray(
    artifact: Artifact,
    parts: Parts,
    output: Path,
    workers: int | None,
    windows: bool,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Writes the results of the parts that are not there yet."""
    from keras_sentiment.cluster.part_files import output_folder
    from keras_sentiment.cluster.plan import Plan
    from keras_sentiment.cluster.ray_job import score

    with output_folder(output, Plan.of(artifact, windows, parts), overwrite) as folder:
        if there := len(parts.parts) - len(folder.missing()):
            say(f"{there:,} of {len(parts.parts):,} parts were there")
        score(artifact, folder, workers, quiet)
