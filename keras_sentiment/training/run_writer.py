"""A run during training: beginning, resuming and completing its RUN_DIR."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from keras_sentiment.batches.devices import ONE_DEVICE, Devices
from keras_sentiment.config import MaskedLMConfig
from keras_sentiment.data.corpus import Corpus
from keras_sentiment.data.text_keys import NO_TEXTS, TextKeys
from keras_sentiment.errors import InputError
from keras_sentiment.machine import package_versions
from keras_sentiment.progress import phase
from keras_sentiment.recipes import Recipe
from keras_sentiment.runs.baseline import fit_baseline
from keras_sentiment.runs.checks import require_free_run
from keras_sentiment.runs.config import RunConfig
from keras_sentiment.runs.run import Run
from keras_sentiment.runs.run_files import (
    CONFIG_FILE,
    MODEL_FILE,
    PREVIOUS,
    TRAINED_ON_FILE,
    read_config,
    remove_leftovers,
    require_plain,
    set_aside,
    write_config,
    write_model,
)
from keras_sentiment.storage.atomic import remove_abandoned, staged_name
from keras_sentiment.storage.locks import lock, unlock

_RECORDED_PACKAGES = ("keras-sentiment", "keras", "keras-hub", "torch", "tensorflow", "jax", "tokenizers")


@dataclass(frozen=True)
class TrainingRun(Run):
    """A RUN_DIR that this process trains.

    Args:
        resumed: whether another process began it.
        devices: the devices that train it; of several processes one writes.
        texts: the keys of the texts that it is trained on (`learned_texts`).
    """

    resumed: bool = False
    devices: Devices = ONE_DEVICE
    texts: TextKeys = field(default=NO_TEXTS, compare=False)

    def begin(self) -> None:
        """Makes the RUN_DIR with its `config.json`, and locks it against other processes.

        A complete run in the folder moves to `previous` until this one is complete. A run that is resumed
        stays as it is.

        Raises:
            InputError: the folder can't be written to, or another process writes to it.
        """
        if not self.devices.writes:
            return
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock(self.path)
            if not self.resumed:
                set_aside(self.path)
            self.checkpoints.mkdir(exist_ok=True)
            for folder in (self.path, self.checkpoints):
                for name in {staged_name(item.name) for item in folder.iterdir()} - {None}:
                    remove_abandoned(folder / str(name))
        except OSError as error:
            raise InputError(f"{self.path}: no run can be written there ({error.strerror})") from error
        if not self.resumed:
            write_config(self.path, self.config)
        self.texts.write(self.checkpoints / TRAINED_ON_FILE)  # for a run that is resumed

    def with_data(self, **facts: Any) -> TrainingRun:
        """Returns this run with further entries in the `data` of its config."""
        config = replace(self.config, data={**self.config.data, **facts})
        return replace(self, config=config)

    def write(self, name: str, text: str) -> None:
        """Writes a file of the RUN_DIR, if this is the process that writes."""
        if self.devices.writes:
            super().write(name, text)

    @contextlib.contextmanager
    def resumable(self) -> Iterator[None]:
        """Adds to a Ctrl-C in the block how to go on: a run that has begun can be resumed."""
        try:
            yield
        except KeyboardInterrupt as error:
            if str(error):
                raise
            raise KeyboardInterrupt(
                f"Interrupted. {self.path} is saved so far. Go on with the same command and --resume."
            ) from None

    def finish(self, model: Any, corpus: Corpus, quiet: bool = True) -> Run:
        """Completes the run: fits the baselines, and writes config, tokenizer and model in float32.

        Args:
            corpus: the corpus that the model was trained on.
            quiet: whether to show no progress.

        Returns:
            The run as it is on disk.
        """
        from keras_sentiment.models.architecture import architecture_of

        config = replace(self.config, architecture=architecture_of(model))
        if self.devices.writes:
            encoder = isinstance(self.config.recipe.model, MaskedLMConfig)
            baseline = None
            if not encoder:
                with phase("Fitting the baselines", "Fitted the baselines", quiet):
                    baseline = fit_baseline(corpus, config)
            write_config(self.path, config)
            write_model(self.path, model, corpus.tokenizer(), self.texts, baseline, begin=lambda: None)
            unlock(lock(self.path))
        self.devices.wait("saved the run")
        return Run(self.path, config)

    def leave(self) -> None:
        """Unlocks the run after training was interrupted, and makes Keras compute on one device."""
        self.devices.release()
        if self.devices.writes and self.path.is_dir():
            unlock(lock(self.path))

    def end(self) -> None:
        """Removes the checkpoints and the previous run of a complete run, and unlocks it."""
        if self.devices.writes:
            remove_leftovers(self.path)
            unlock(lock(self.path))


def new_run(
    path: str | Path,
    corpus: Corpus,
    recipe: Recipe[Any],
    backend: str,
    precision: str,
    overwrite: bool = False,
    resume: bool = False,
    devices: Devices = ONE_DEVICE,
) -> TrainingRun:
    """Returns a new run, or the run in the folder to resume; `begin` writes the first file.

    Args:
        resume: go on with the run in the folder, if there is one.
        devices: the devices that will train it.

    Raises:
        InputError: the folder is not empty and neither `overwrite` nor `resume` is given, or it holds
            something else than a run, or the run to resume was begun with other settings.
    """
    path = Path(path)
    require_free_run(path, overwrite, resume)
    info = corpus.info
    config = RunConfig(
        labels=tuple(corpus.labels),
        recipe=recipe,
        cleaning_version=info["cleaning_version"],
        backend=backend,
        precision=precision,
        versions=package_versions(_RECORDED_PACKAGES),
        data={
            **corpus.identity(),
            "trained_reviews": info["splits"]["train"]["reviews"],
        },
    )
    if resume and (path / CONFIG_FILE).is_file():
        require_plain(path)
        begun = read_config(path)
        if begun.trained_by_hand and not (path / MODEL_FILE).is_file():
            raise InputError(
                f"{path}: saving a model there broke off; move what is in {path / PREVIOUS} back"
            )
        _require_same(path, begun, config)
        return TrainingRun(path, replace(begun, versions=config.versions), resumed=True, devices=devices)
    return TrainingRun(path, config, devices=devices)


def _require_same(path: Path, begun: RunConfig, now: RunConfig) -> None:
    """Refuses to resume a run with other settings than those it was begun with."""
    told = {
        "source",
        "splits",
        "trained_reviews",
        "data_dir",
        "warnings",
    }  # the fingerprint identifies the data
    for part in ("labels", "cleaning_version", "backend", "precision", "data", "model", "inputs", "training"):
        one, two = (config.to_dict()[part] for config in (begun, now))
        if not isinstance(one, dict):
            one, two = {part: one}, {part: two}
        for name in sorted((one.keys() | two.keys()) - (told if part == "data" else set())):
            if one.get(name) != two.get(name):
                raise InputError(
                    f"{path}: it was begun with {name} {one.get(name)}, not {two.get(name)}; resume it with "
                    "the command that began it, or begin again with --overwrite"
                )
