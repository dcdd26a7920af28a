"""The run directory (RUN_DIR) on disk: the one owner of what is saved of a run and how it is read.

config.json      what a text goes through on its way to a label, and how the model was trained; written
                 again, calibrated, before the model
checkpoints/     what an interrupted training goes on from; gone when it is complete
previous/        the complete run that was there before, until this one is complete
history.csv      a row an epoch
tokenizer/       the tokenizer of the model
checksums.json   SHA-256 of the model and of the tokenizer's files; bundles of version 0.1.0 have none
model.keras      the model, float32; written last, so a RUN_DIR that has it is a bundle
metrics.json     what `evaluate` found, by split and fingerprint of the data
report.html      what it found last, in pictures and texts
README.md        the model's card
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from keras_sentiment.checksums import sha256, verify
from keras_sentiment.cleaning import CLEANING_VERSION
from keras_sentiment.config import BertConfig, InputError, PrepareConfig
from keras_sentiment.corpus import INFO_FILE, Corpus, Split, open_corpus
from keras_sentiment.decision import Decision
from keras_sentiment.json_files import read_object
from keras_sentiment.machine import package_versions
from keras_sentiment.model_file import check_logits, read_model
from keras_sentiment.recipes import Recipe, RunConfig
from keras_sentiment.reviews import Review
from keras_sentiment.rows import Rows
from keras_sentiment.sources import read
from keras_sentiment.staging import hold, leave
from keras_sentiment.tokenizer import Tokenizer

FORMAT_VERSION = 1
CONFIG_FILE, MODEL_FILE, CHECKSUMS_FILE = "config.json", "model.keras", "checksums.json"
PREVIOUS = "previous"
_RECORDED_PACKAGES = ("keras-sentiment", "keras", "keras-hub", "torch", "tensorflow", "jax", "tokenizers")
_RUN_FILES = {
    CONFIG_FILE,
    "config.part",
    "checkpoints",
    PREVIOUS,
    "history.csv",
    "tokenizer",
    CHECKSUMS_FILE,
    "checksums.part",
    MODEL_FILE,
    "model.part.keras",
    "metrics.json",
    "metrics.part",
    "report.html",
    "report.part",
    "README.md",
    "README.part",
}


@dataclass(frozen=True)
class Run:
    """A RUN_DIR, complete or not.

    Args:
        resumed: whether it was begun before, by another process.
    """

    path: Path
    config: RunConfig
    resumed: bool = False

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def history(self) -> Path:
        return self.path / "history.csv"

    @property
    def decision(self) -> Decision:
        """The rule from this model's logits to labels."""
        return Decision(self.config.labels, self.config.temperature, self.config.threshold)

    @property
    def complete(self) -> bool:
        """Whether it is a bundle."""
        return (self.path / MODEL_FILE).is_file()

    def begin(self) -> None:
        """Makes the RUN_DIR with its `config.json`, and keeps other processes from writing there.

        A complete run that was there moves to `previous` until this one is complete. Of a run that is
        resumed everything stays.

        Raises:
            InputError: nothing can be written there, or another process does.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            hold(self.path)
            if not self.resumed:
                self._clear()
            self.checkpoints.mkdir(exist_ok=True)
        except OSError as error:
            raise InputError(f"{self.path}: no run can be written there ({error.strerror})") from error
        if not self.resumed:
            self._write_config()

    def _clear(self) -> None:
        # The folder itself stays: it may be a link, a mount or the working directory.
        previous = self.path / PREVIOUS
        names = [item.name for item in self.path.iterdir() if item.name != PREVIOUS]
        if self.complete:
            _remove(previous)
            previous.mkdir()
        if self.complete or ((previous / MODEL_FILE).exists() and not (previous / CONFIG_FILE).exists()):
            # The config goes last: a move that was broken off is told by its absence, and ended here.
            for name in sorted(names, key=lambda name: (name == CONFIG_FILE, name == MODEL_FILE)):
                os.replace(self.path / name, previous / name)
        else:
            for name in names:
                _remove(self.path / name)

    def write(self, name: str, text: str) -> None:
        """Writes a file of the RUN_DIR, which appears whole or not at all.

        Raises:
            InputError: nothing can be written there.
        """
        path = self.path / name
        part = path.with_suffix(".part")
        try:
            # The name of a file that a report quotes may hold bytes that are no text.
            part.write_text(text, encoding="utf-8", errors="replace")
            os.replace(part, path)
        except OSError as error:
            raise InputError(f"{path}: it can't be written ({error.strerror})") from error
        finally:
            part.unlink(missing_ok=True)

    def with_data(self, **facts: Any) -> Run:
        """Returns this run, with more in its config about the data that it is trained on."""
        config = replace(self.config, data={**self.config.data, **facts})
        return replace(self, config=config)

    def _write_config(self) -> None:
        values = {"format_version": FORMAT_VERSION, **self.config.to_dict()}
        self.write(CONFIG_FILE, json.dumps(values, indent=1) + "\n")

    def tokenizer(self) -> Tokenizer:
        """Returns the tokenizer of the model."""
        return Tokenizer.load(self.path / "tokenizer")

    def open_split(
        self, data: str | Path, name: str | None, config: PrepareConfig, quiet: bool = True
    ) -> tuple[str, Split]:
        """Returns the name and the reviews of a split, encoded for this model.

        Args:
            data: a DATA_DIR, or a source that `sources.read` takes.
            name: `train`, `validation` or `test`; by default the test part, or all of a source without.
            config: names of a table's columns.

        Raises:
            InputError: the data can't be read, has another vocabulary or labels that the model lacks.
        """
        if (Path(data) / INFO_FILE).is_file():
            corpus = open_corpus(data)
            if corpus.tokenizer().sha256 != self.tokenizer().sha256:
                raise InputError(
                    f"{data}: it was prepared with another vocabulary than {self.path} has; "
                    f"give what it was made of ({corpus.info['source']}) instead"
                )
            if corpus.labels != list(self.config.labels):
                raise InputError(
                    f"{data}: its labels are {', '.join(corpus.labels)}; {self.path} has "
                    f"{', '.join(self.config.labels)}"
                )
            name = name or "test"
            return name, corpus.splits[name]
        parts: dict[str | None, list[Review]] = {}
        for review in read(data, config, quiet=quiet):
            parts.setdefault(review.part, []).append(review)
        if name is None:
            name = "test" if "test" in parts else "all"
        reviews = parts.get(name) if name != "all" else [r for part in parts.values() for r in part]
        if not reviews:
            raise InputError(f"{data}: it has no {name} part; leave out --split to take all of it")
        return name, Split.from_reviews(reviews, self.tokenizer(), self.config.labels)

    def save(self, model: Any, tokenizer: Tokenizer) -> None:
        """Completes the run: the config again, the tokenizer, then the model under the float32 policy."""
        from keras_sentiment.precision import with_precision

        self._write_config()
        tokenizer.save(self.path / "tokenizer")
        part = self.path / "model.part.keras"
        try:
            with_precision(model, "float32").save(part)
            files = {f"tokenizer/{file.name}": file for file in (self.path / "tokenizer").iterdir()}
            checksums = {name: sha256(file) for name, file in {**files, MODEL_FILE: part}.items()}
            self.write(CHECKSUMS_FILE, json.dumps(checksums, indent=1) + "\n")
            os.replace(part, self.path / MODEL_FILE)
        finally:
            part.unlink(missing_ok=True)
        self.end()

    def end(self) -> None:
        """Removes what a complete run doesn't need, and lets other processes write there."""
        _remove(self.checkpoints)
        _remove(self.path / PREVIOUS)
        leave(hold(self.path))

    def record_metrics(self, split: str, fingerprint: str, metrics: dict[str, Any]) -> dict[str, Any]:
        """Adds figures to `metrics.json`, which keeps them by split and by fingerprint of the data.

        Returns:
            All that it holds now, by split and fingerprint.

        Raises:
            InputError: what is there is damaged, or nothing can be written.
        """
        path = self.path / "metrics.json"
        held = hold(self.path, wait_seconds=10)
        try:
            recorded = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
            recorded.setdefault(split, {})[fingerprint] = metrics
            self.write("metrics.json", json.dumps(recorded, indent=1) + "\n")
        except (ValueError, AttributeError, TypeError, RecursionError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{path}: it can't be read; delete it and evaluate again") from None
        finally:
            leave(held)
        return recorded

    def load_model(self, precision: str = "float32") -> Any:
        """Returns the Keras model, built under a dtype policy on the current backend.

        Raises:
            InputError: `model.keras` is damaged, of a version of Keras that cannot be read, holds what no
                model of ours does, or is that of another `config.json`.
        """
        # Importing either registers its layers, by whose names the file speaks of them.
        bert = isinstance(self.config.recipe.model, BertConfig)
        importlib.import_module("keras_hub" if bert else "keras_sentiment.layers")
        path = self.path / MODEL_FILE
        model = read_model(path)
        import keras

        def logits(rows: Rows) -> Any:
            # Not `predict`, which would compile this one shape.
            return keras.ops.convert_to_numpy(model(rows, training=False))

        try:
            row_length = self.config.recipe.inputs.row_length
            check_logits(logits, row_length, self.tokenizer().vocabulary_size, len(self.config.labels))
        except InputError as error:
            raise InputError(f"{path}: it is not the model of {self.path / CONFIG_FILE} ({error})") from error
        if precision == "float32":
            return model
        from keras_sentiment.precision import with_precision

        return with_precision(model, precision)


def new_run(
    path: str | Path,
    corpus: Corpus,
    recipe: Recipe[Any],
    backend: str,
    precision: str,
    overwrite: bool = False,
    resume: bool = False,
) -> Run:
    """Returns a new run, of which nothing is on disk before `begin`; or the one that is there.

    Args:
        resume: go on with the run that is there, if there is one.

    Raises:
        InputError: it holds something and neither `overwrite` nor `resume` is given, or something that is no
            run, or the run to be resumed was begun otherwise.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise InputError(f"{path}: it is a file; name a folder for the run")
    if path.is_dir() and any(path.iterdir()):
        if not (overwrite or resume):
            raise InputError(
                f"{path}: it holds something already; name another folder, or add --overwrite"
                + (", or --resume to go on with it" if _is_run(path) else "")
            )
        if not _is_run(path):
            raise InputError(f"{path}: it holds something other than a run; name another folder")
    info = corpus.info
    config = RunConfig(
        labels=tuple(corpus.labels),
        recipe=recipe,
        cleaning_version=info["cleaning_version"],
        backend=backend,
        precision=precision,
        versions=package_versions(_RECORDED_PACKAGES),
        data={key: info[key] for key in ("source", "fingerprint", "splits", "tokenizer")},
    )
    if resume and (path / CONFIG_FILE).is_file():
        begun = _read_config(path)
        _require_same(path, begun, config)
        return Run(path, replace(begun, versions=config.versions), resumed=True)
    return Run(path, config)


def _require_same(path: Path, begun: RunConfig, now: RunConfig) -> None:
    """Refuses to resume a run with settings that it was not begun with."""
    told = {"source", "splits", "trained_reviews"}  # of the data the fingerprint tells
    for part in ("labels", "cleaning_version", "backend", "precision", "data", "model", "inputs", "training"):
        one, two = (config.to_dict()[part] for config in (begun, now))
        if not isinstance(one, dict):
            one, two = {part: one}, {part: two}
        for name in sorted((one.keys() | two.keys()) - (told if part == "data" else set())):
            if one.get(name) != two.get(name):
                raise InputError(
                    f"{path}: it was begun with {name} {one.get(name)}, not {two.get(name)}; resume it with "
                    "the command that began it, or begin anew with --overwrite"
                )


def _is_run(path: Path) -> bool:
    """Whether a folder holds a run and nothing else: other people's models have a config.json too."""
    try:
        values = json.loads((path / CONFIG_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    ours = isinstance(values, dict) and "format_version" in values
    return ours and {item.name for item in path.iterdir()} <= _RUN_FILES


def _read_config(path: Path) -> RunConfig:
    """Returns what `config.json` of a RUN_DIR holds.

    Raises:
        InputError: there is none, it is damaged, or comes from a later version.
    """
    file = path / CONFIG_FILE
    try:
        values = read_object(file)
        found = int(values.pop("format_version"))
    except (ValueError, KeyError, TypeError):
        raise InputError(
            f"{path}: not a trained model (no readable config.json); "
            "train one with train-transformer or train-bert"
        ) from None
    if found > FORMAT_VERSION:
        raise InputError(
            f"{path}: written in format {found}, and this version reads {FORMAT_VERSION}; "
            "update keras-sentiment"
        )
    try:
        return RunConfig.from_dict(values)
    except InputError as error:
        raise InputError(f"{file}: {error}") from error


def open_bundle(path: str | Path) -> Run:
    """Opens a complete RUN_DIR; the model is read by `load_model`.

    Raises:
        InputError: it is none, is incomplete or damaged, or comes from a later version.
    """
    path = Path(path)
    config = _read_config(path)
    run = Run(path, config)
    if not run.complete:
        other = f"; the model before it is in {path / PREVIOUS}" if (path / PREVIOUS).is_dir() else ""
        raise InputError(
            f"{path}: its training did not end (no {MODEL_FILE}); wait for it, or repeat its command with "
            f"--resume{other}"
        )
    if config.cleaning_version != CLEANING_VERSION:
        raise InputError(
            f"{path}: its texts were cleaned by version {config.cleaning_version} of the rules, and this "
            f"version has {CLEANING_VERSION}; train again"
        )
    if (path / CHECKSUMS_FILE).is_file():
        verify(path, read_object(path / CHECKSUMS_FILE), "train again or copy it anew")
    return run


def _remove(path: Path) -> None:
    """Removes a file, a link or a folder with all that is in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
