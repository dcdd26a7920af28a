"""Exports a run to artifacts; one is kept only if its results equal the Keras model's."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from keras_sentiment.config import DEFAULT_SEED
from keras_sentiment.data.config import PrepareConfig
from keras_sentiment.data.encoded_split import Split
from keras_sentiment.data.evaluation_split import open_evaluation_split
from keras_sentiment.errors import InputError, require
from keras_sentiment.exporting.artifact_card import artifact_card
from keras_sentiment.exporting.parity import TEXTS, ParityError, check
from keras_sentiment.inference.artifact import (
    CARD_FILE,
    GRAPH_FILES,
    TOKENIZER_FOLDER,
    TRAINED_ON_FILE,
    Artifact,
    holds_an_artifact_alone,
)
from keras_sentiment.inference.artifact_folder import require_free_artifacts
from keras_sentiment.inference.classifier import Classifier
from keras_sentiment.inference.engines import Engine, open_engine
from keras_sentiment.inference.load import load_model, run_classifier
from keras_sentiment.machine import package_versions
from keras_sentiment.messages import tell
from keras_sentiment.progress import phase
from keras_sentiment.quantities import plural
from keras_sentiment.runs.run import Run, open_run
from keras_sentiment.runs.run_files import MODEL_FILE
from keras_sentiment.storage.atomic import staged_folder
from keras_sentiment.storage.disk_space import require_disk_space
from keras_sentiment.text.cleaning import escaped

if TYPE_CHECKING:
    import torch

REAL_TEXTS = 200
MAX_LOST_ACCURACY = 0.005  # of an int8 graph against the float graph
ROOM_BESIDE = 4 << 20  # bytes, for the tokenizer and a graph without its weights
_PACKAGES = ("keras-sentiment", "keras", "torch", "tensorflow", "onnx", "onnxruntime", "openvino")


def export(
    run: Run | str | Path,
    out: str | Path,
    formats: Sequence[str] = ("onnx",),
    *,
    data: Any = None,
    config: PrepareConfig | None = None,
    overwrite: bool = False,
    force: bool = False,
    quiet: bool = True,
) -> list[Artifact]:
    """Exports a run into `out/<format>` for each format, and checks each against the Keras model.

    It needs the torch backend, whose exporters it uses; the run may have been trained on any backend.

    Args:
        run: a complete run, or its path.
        out: path of the folder that gets a folder for each format.
        formats: some of `"onnx"`, `"onnx_int8"`, `"openvino"`, `"torch"`, `"tf_saved_model"`; `"onnx_int8"`
            needs `data`.
        data: a corpus, its DATA_DIR or a source of labelled reviews, as `prepare` takes it. The check then
            includes its validation reviews, or reviews of the whole source if it has no such split.
        config: names of the columns of a table.
        overwrite: whether to replace existing artifacts.
        force: whether to keep an int8 graph that loses more accuracy than `MAX_LOST_ACCURACY`.
        quiet: whether to print no progress.

    Returns:
        The artifacts, in the order of `formats`.

    Raises:
        InputError: the backend is not torch, a package is missing, or the data does not fit the run.
        ParityError: a graph gives other results than the model. It is not kept; formats before it are.

    Example:
        >>> [artifact.format for artifact in export(run, "models/films")]
        ['onnx']
    """
    if keras.backend.backend() != "torch":
        raise InputError(
            f"export runs on torch, and Keras computes on {keras.backend.backend()} here; export in a new "
            "process with KERAS_BACKEND=torch: the run may be of any backend"
        )
    formats = [formats] if isinstance(formats, str) else list(formats)
    for name in formats:
        require(name in GRAPH_FILES, "formats", name, f"some of {', '.join(GRAPH_FILES)}")
    if "onnx_int8" in formats and data is None:
        raise InputError("onnx_int8 needs validation reviews to measure its accuracy: give them with --data")
    run, out = open_run(run), Path(out)
    require_free_artifacts(out, formats, overwrite)
    validation = None if data is None else _validation(run, data, config or PrepareConfig())
    # Graphs are for servers without a GPU too.
    with keras.device("cpu"), tempfile.TemporaryDirectory() as folder:
        with phase("Loading the model", "Loaded the model", quiet):
            exporter = Exporter(run, Path(folder))
        texts = list(TEXTS)
        if validation is not None:
            texts += map(escaped, validation.subsample(REAL_TEXTS, DEFAULT_SEED).texts())
        expected = exporter.classifier.predict(texts)
        artifacts = []
        for format in formats:
            with staged_folder(out / format, overwrite=overwrite, is_ours=holds_an_artifact_alone) as staged:
                with phase(f"Writing the format {format}", f"Wrote the format {format}", quiet):
                    artifact = exporter.write(format, staged)
                with phase(f"Checking {format} on {len(texts)} texts", f"Checked {format}", quiet):
                    parity = check(artifact, expected, texts)
                if format == "onnx_int8" and validation is not None:
                    on = f"the accuracy of {format} on {plural(len(validation), 'validation review')}"
                    with phase(f"Measuring {on}", f"Measured {on}", quiet):
                        parity |= exporter.accuracy(artifact, validation, force)
                artifact = exporter.finish(artifact, parity)
            artifacts.append(dataclasses.replace(artifact, path=out / format))
            if not quiet:
                equal, largest = parity["equal_labels"], parity["largest_difference"]
                tell(
                    f"{format} and the Keras model label {equal:.1%} of {plural(len(texts), 'text')} alike; "
                    f"their probabilities differ by at most {largest:.1e}."
                )
    return artifacts


def _validation(run: Run, data: Any, config: PrepareConfig) -> Split:
    order = ("validation",)
    return open_evaluation_split(data, None, run.tokenizer(), run.config.labels, config, order=order)[1]


class Exporter:
    """Writes the artifacts of a run; a graph that several formats need is made once.

    Args:
        run: a complete run.
        folder: an empty folder for intermediate files.
    """

    def __init__(self, run: Run, folder: Path) -> None:
        self.run, self._model, self._folder = run, load_model(run), folder
        self.classifier = run_classifier(run, self._model)
        self._program: torch.export.ExportedProgram | None = None

    def write(self, format: str, path: Path) -> Artifact:
        """Writes the files of an artifact, before its check."""
        # On a full disk some of the writers, which are C++, end the process or write nothing.
        needed = 2 * (self.run.path / MODEL_FILE).stat().st_size + ROOM_BESIDE
        for folder in (path.parent, self._folder):
            require_disk_space(folder, needed, f"{format} and what it is made of", "free some space")
        config = self.run.config
        # The path of the corpus on this machine stays out of the artifact.
        data = {key: value for key, value in config.data.items() if key != "data_dir"}
        artifact = Artifact(
            path=path,
            format=format,
            name=self.run.path.resolve().name,
            labels=config.labels,
            inputs=config.recipe.inputs,
            cleaning_version=config.cleaning_version,
            temperature=config.temperature,
            threshold=config.threshold,
            class_weight=config.class_weight,
            origin={"data": data, "versions": package_versions(_PACKAGES)},
        )
        {
            "onnx": self._onnx,
            "onnx_int8": self._onnx_int8,
            "openvino": self._openvino,
            "torch": self._torch,
            "tf_saved_model": self._saved_model,
        }[format](artifact.graph)
        self.classifier.tokenizer.save(path / TOKENIZER_FOLDER)
        shutil.copyfile(self.run.path / TRAINED_ON_FILE, path / TRAINED_ON_FILE)
        return artifact.write()

    def finish(self, artifact: Artifact, parity: dict[str, Any]) -> Artifact:
        """Adds the figures of the check and the card to an artifact."""
        artifact = dataclasses.replace(artifact, parity=parity)
        (artifact.path / CARD_FILE).write_text(artifact_card(artifact), encoding="utf-8")
        return artifact.write()

    def accuracy(self, artifact: Artifact, split: Split, force: bool) -> dict[str, Any]:
        """Returns the accuracy of an int8 graph and of the float graph.

        Raises:
            ParityError: it loses more than `MAX_LOST_ACCURACY`, and `force` is false.
        """
        plain = dataclasses.replace(artifact, path=self._float_onnx().parent, format="onnx")
        engines = map(open_engine, (artifact, plain))
        found, before = (self._accuracy(engine, split) for engine in engines)
        if before - found > MAX_LOST_ACCURACY and not force:
            raise ParityError(
                f"{artifact.format}: accuracy on validation falls from {before:.4f} to {found:.4f}; "
                "nothing was kept; keep it with --force"
            )
        return {
            "accuracy": found,
            "accuracy_float": before,
            "accuracy_reviews": len(split),
            "accuracy_fingerprint": split.fingerprint,
        }

    def _accuracy(self, engine: Engine, split: Split) -> float:
        model = Classifier(self.classifier.tokenizer, self.classifier.inputs, self.run.decision, engine)
        probabilities = model.decision.probabilities(model.logits(split))
        return float(np.mean(model.decision.choose(probabilities) == split.labels))

    def _traced(self) -> torch.export.ExportedProgram:
        if self._program is None:
            from keras_sentiment.exporting.onnx_graph import traced

            self._program = traced(self._model, self.classifier.inputs.row_length)
        return self._program

    def _float_onnx(self) -> Path:
        path = self._folder / GRAPH_FILES["onnx"]
        if not path.exists():
            from keras_sentiment.exporting.onnx_graph import save_onnx

            save_onnx(self._traced(), path)
        return path

    def _onnx(self, path: Path) -> None:
        shutil.copyfile(self._float_onnx(), path)

    def _onnx_int8(self, path: Path) -> None:
        from keras_sentiment.exporting.onnx_graph import quantize

        quantize(self._float_onnx(), path)

    def _openvino(self, path: Path) -> None:
        import openvino

        model = openvino.Core().read_model(self._float_onnx())
        openvino.save_model(model, path, compress_to_fp16=False)

    def _torch(self, path: Path) -> None:
        import torch

        torch.export.save(self._traced(), path)

    def _saved_model(self, path: Path) -> None:
        # A process has one backend.
        process = subprocess.run(
            [sys.executable, "-m", "keras_sentiment.exporting.saved_model", str(self.run.path), str(path)],
            env={**os.environ, "KERAS_BACKEND": "tensorflow"},
            capture_output=True,
            text=True,
        )
        if process.returncode:
            reason = process.stderr.strip().splitlines()[-1:] or ["it was killed"]
            raise ParityError(f"tf_saved_model: it can't be written ({reason[0][:300]})")
