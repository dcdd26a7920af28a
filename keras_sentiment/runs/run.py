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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_sentiment.config import BertConfig, MaskedLMConfig, PrepareConfig
from keras_sentiment.data.corpus import INFO_FILE, open_corpus
from keras_sentiment.data.encoded_split import Split
from keras_sentiment.data.padding import Rows
from keras_sentiment.data.readers.sources import read
from keras_sentiment.data.reviews import Review
from keras_sentiment.decision import Decision
from keras_sentiment.errors import InputError
from keras_sentiment.models.model_file import check_logits, read_model
from keras_sentiment.recipes import RunConfig
from keras_sentiment.storage.atomic import write_text
from keras_sentiment.storage.checksums import verify
from keras_sentiment.storage.json_files import read_object
from keras_sentiment.storage.locks import lock, unlock
from keras_sentiment.text.cleaning import CLEANING_VERSION
from keras_sentiment.text.tokenizer import Tokenizer

FORMAT_VERSION = 1
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
        """Whether it is a bundle."""
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

    def load_model(self, precision: str = "float32") -> Any:
        """Returns the Keras model, built under a dtype policy on the current backend.

        Raises:
            InputError: `model.keras` is damaged, of a version of Keras that cannot be read, holds what no
                model of ours does, or is that of another `config.json`.
        """
        # Importing them registers their layers, by whose names the file speaks of them.
        bert = isinstance(self.config.recipe.model, BertConfig)
        for module in (
            "keras_hub" if bert else "keras_sentiment.models.layers",
            "keras_sentiment.models.ngrams",
        ):
            importlib.import_module(module)
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
        from keras_sentiment.models.precision import with_precision

        return with_precision(model, precision)


def read_config(path: Path) -> RunConfig:
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
        InputError: it is none, is incomplete or damaged, or comes from a later version; or is of `pretrain`.
    """
    run = _open_run(Path(path))
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
    run = _open_run(Path(path))
    if not isinstance(run.config.recipe.model, MaskedLMConfig):
        raise InputError(f"{path}: a classifier and no pretrained encoder; name what `pretrain` made")
    if run.tokenizer().sha256 != tokenizer.sha256:
        raise InputError(
            f"{path}: it was pretrained with another vocabulary than the corpus has; "
            f"prepare the corpus with --tokenizer {run.path / 'tokenizer'}"
        )
    return run


def _open_run(path: Path) -> Run:
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
    if (path / CHECKSUMS_FILE).is_file():
        verify(path, read_object(path / CHECKSUMS_FILE), "train again or copy it anew")
    return run
