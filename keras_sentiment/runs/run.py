"""The run directory (RUN_DIR) on disk: the one owner of what is saved of a run and how it is read.

config.json      what a text goes through on its way to a label, and how the model was trained; written
                 again, calibrated, before the model
checkpoints/     what an interrupted training goes on from; gone when it is complete
previous/        the complete run that was there before, until this one is complete
history.csv      a row an epoch
tokenizer/       the tokenizer of the model
checksums.json   SHA-256 of the model and of the tokenizer's files
model.keras      the model, float32; written last, so a RUN_DIR that has it is complete
metrics.json     what `evaluate` found, by split and fingerprint of the data
report.html      what it found last, in pictures and texts
README.md        the model's card
"""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_sentiment.config import BertConfig, MaskedLMConfig
from keras_sentiment.decision import Decision
from keras_sentiment.errors import InputError
from keras_sentiment.models.model_file import read_model
from keras_sentiment.runs.config import RunConfig
from keras_sentiment.storage.atomic import write_text
from keras_sentiment.storage.checksums import verify
from keras_sentiment.storage.json_files import read_object, read_versioned
from keras_sentiment.storage.locks import lock, unlock
from keras_sentiment.text.cleaning import CLEANING_VERSION
from keras_sentiment.text.tokenizer import Tokenizer

FORMAT_VERSION = 2
CONFIG_FILE, MODEL_FILE, CHECKSUMS_FILE = "config.json", "model.keras", "checksums.json"
PREVIOUS = "previous"


@dataclass(frozen=True)
class Run:
    """A RUN_DIR, complete or not."""

    path: Path
    config: RunConfig

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
        """Whether its training has ended and its model is saved."""
        return (self.path / MODEL_FILE).is_file()

    def write(self, name: str, text: str) -> None:
        """Writes a file of the RUN_DIR, which appears whole or not at all.

        Raises:
            InputError: nothing can be written there.
        """
        write_text(self.path / name, text)

    def tokenizer(self) -> Tokenizer:
        """Returns the tokenizer of the model."""
        return Tokenizer.load(self.path / "tokenizer")

    def record_metrics(self, split: str, fingerprint: str, metrics: dict[str, Any]) -> dict[str, Any]:
        """Adds figures to `metrics.json`, which keeps them by split and by fingerprint of the data.

        Returns:
            All that it holds now, by split and fingerprint.

        Raises:
            InputError: what is there is damaged, or nothing can be written.
        """
        held = lock(self.path, wait_seconds=10)
        try:
            recorded = self._recorded()
            recorded.setdefault(split, {})[fingerprint] = metrics
            self.write("metrics.json", json.dumps(recorded, indent=1) + "\n")
        finally:
            unlock(held)
        return recorded

    def _recorded(self) -> dict[str, dict[str, Any]]:
        path = self.path / "metrics.json"
        try:
            recorded = read_object(path) if path.is_file() else {}
            if any(not isinstance(part, dict) for part in recorded.values()):
                raise InputError("a split is no object")
        except InputError as error:
            raise InputError(f"{path}: it can't be read ({error}); delete it and evaluate again") from None
        return recorded

    def load_encoder(self) -> Any:
        """Returns the encoder that `pretrain` made, a Keras model.

        Raises:
            InputError: as `load_model` does.
        """
        importlib.import_module("keras_sentiment.models.layers")
        return read_model(self.path / MODEL_FILE)

    def load_model(self) -> Any:
        """Returns the Keras model, in float32, on the current backend; `inference.load` checks it too.

        Raises:
            InputError: `model.keras` is damaged, of a version of Keras that cannot be read, or holds what no
                model of ours does.
        """
        # Importing them registers their layers, by whose names the file speaks of them.
        bert = isinstance(self.config.recipe.model, BertConfig)
        for module in (
            "keras_hub" if bert else "keras_sentiment.models.layers",
            "keras_sentiment.models.ngrams",
        ):
            importlib.import_module(module)
        return read_model(self.path / MODEL_FILE)


def read_config(path: Path) -> RunConfig:
    """Returns what `config.json` of a RUN_DIR holds.

    Raises:
        InputError: there is none, it is damaged, or comes from a later version.
    """
    file = path / CONFIG_FILE
    make = "train one with train-transformer or train-bert"
    values = read_versioned(file, FORMAT_VERSION, "a trained model", make)
    try:
        return RunConfig.from_dict(values)
    except InputError as error:
        raise InputError(f"{file}: {error}") from error


def open_run(path: str | Path) -> Run:
    """Opens a complete RUN_DIR; the model is read by `load_model`.

    Raises:
        InputError: it is none, is incomplete or damaged, or comes from a later version; or is of `pretrain`.
    """
    run = _open(Path(path))
    if isinstance(run.config.recipe.model, MaskedLMConfig):
        raise InputError(
            f"{path}: a pretrained encoder, which gives no labels; train-transformer --pretrained {path} "
            "makes a classifier of it"
        )
    return run


def open_encoder(path: str | Path, tokenizer: Tokenizer) -> Run:
    """Opens what `pretrain` made; the encoder is read by `load_encoder`.

    Args:
        tokenizer: of the corpus that a classifier is to be trained on.

    Raises:
        InputError: it is none, is incomplete or damaged, or has another vocabulary.
    """
    run = _open(Path(path))
    if not isinstance(run.config.recipe.model, MaskedLMConfig):
        raise InputError(f"{path}: a classifier and no pretrained encoder; name what `pretrain` made")
    if run.tokenizer().sha256 != tokenizer.sha256:
        raise InputError(
            f"{path}: it was pretrained with another vocabulary than the corpus has; "
            f"prepare the corpus with --tokenizer {run.path / 'tokenizer'}"
        )
    return run


def _open(path: Path) -> Run:
    config = read_config(path)
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
    verify(path, read_object(path / CHECKSUMS_FILE), "train again or copy it anew")
    return run
