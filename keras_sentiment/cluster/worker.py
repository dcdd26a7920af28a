"""A worker of the cluster: it loads the model once, and writes one file for each part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from keras_sentiment.cluster.part_files import OutputFolder
from keras_sentiment.cluster.part_reader import PartReader
from keras_sentiment.data.chunks import in_chunks
from keras_sentiment.errors import InputError
from keras_sentiment.inference.artifact import open_artifact
from keras_sentiment.inference.classifier import Classifier


class Worker:
    """Scores one part after another, for Ray Data.

    Args:
        artifact: folder of the exported model, the same path on every machine.
        folder: the output folder, the same path on every machine.
    """

    # A part is refused after this many workers died while they scored it.
    most_deaths = 10

    def __init__(self, artifact: Path, folder: OutputFolder) -> None:
        self.folder, self.reader = folder, PartReader(folder.plan.parts)
        # An exception here would make Ray restart the worker without end, so the error is returned later.
        self.fault: str | None = None
        try:
            self.classifier = Classifier.of_artifact(open_artifact(artifact), folder.plan.windows)
        except (InputError, OSError) as error:
            self.fault = str(error)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Scores one part; returns its number of rows, or the error message in `fault`."""
        number = int(batch["item"][0])
        rows, fault = 0, self.fault
        if fault is None:
            try:
                rows = self.score(number)
            except InputError as error:
                fault = str(error)
            except OSError as error:
                fault = f"{self.folder.part(number)}: it can't be written ({error.strerror or error})"
        return {"rows": np.array([rows]), "fault": np.array([fault or ""])}

    def score(self, number: int) -> int:
        """Writes the file of a part."""
        part = self.folder.plan.parts.parts[number]
        if self.folder.attempts(number) >= self.most_deaths:
            name = self.folder.plan.parts.files[part.file].name
            raise InputError(
                f"{name}:{part.line}: {self.most_deaths} workers died while they scored the {part.rows:,} "
                "rows from here on; if they ran out of memory, use fewer --workers"
            )
        with self.folder.staged(number) as staging:
            table = self.reader.read(part)
            texts = table.column(self.folder.plan.parts.text_column).to_pylist()
            results = [result for chunk in in_chunks(texts) for result in self.classifier.predict(chunk)]
            self.folder.write(staging, table, results)
        return part.rows
