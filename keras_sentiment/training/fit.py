"""The arguments of `model.fit`: a compiled model, batches and callbacks."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from keras_sentiment.batches.devices import find_devices
from keras_sentiment.batches.frozen_cache import HiddenStateBatches, cached_batches
from keras_sentiment.batches.review_batches import ReviewBatches
from keras_sentiment.config import BertConfig, MaskedLMConfig
from keras_sentiment.data.corpus import Corpus
from keras_sentiment.models.architecture import architecture_of
from keras_sentiment.models.layer_names import LOWER, UPPER
from keras_sentiment.models.precision import allow_tf32, resolve_precision, with_precision
from keras_sentiment.progress import Progress
from keras_sentiment.quantities import plural
from keras_sentiment.recipes import Recipe
from keras_sentiment.training.adaptation import adapt, require_room
from keras_sentiment.training.callbacks import EpochRecord, LossWatch, TrainingProgress
from keras_sentiment.training.checkpoints import Checkpoints
from keras_sentiment.training.fit_data import fit_data
from keras_sentiment.training.learned_texts import with_learned_texts
from keras_sentiment.training.optimization import compile_model
from keras_sentiment.training.run_writer import TrainingRun, new_run
from keras_sentiment.training_config import CheckpointConfig, TrainingConfig


@dataclass(frozen=True)
class Fit:
    """The arguments of `model.fit`, and the model compiled for them.

    `for arguments in fit.calls(): fit.model.fit(**arguments)` trains the model; `finish.finish` ends the run.

    Args:
        run: the run that is trained.
        full_model: the model that is saved: `model`, or the model of which `model` is the upper part.
        checkpoints: the last of the callbacks.
        epochs: int, the most epochs: those of the recipe, or more for its `min_steps`.
        class_weight: weight of each label's loss, if `fit` applies it and not the batches.
        quiet: whether to show no progress.
    """

    run: TrainingRun
    model: keras.Model
    full_model: keras.Model
    train: ReviewBatches
    validation: ReviewBatches
    callbacks: list[keras.callbacks.Callback]
    checkpoints: Checkpoints
    epochs: int
    class_weight: dict[int, float] | None
    quiet: bool = False

    def summary(self) -> str:
        """Returns a line with the counts of parameters, reviews, batches and epochs, and the backend."""
        trained = sum(math.prod(weight.shape) for weight in self.full_model.trainable_weights)
        return (
            f"{self.full_model.name}: {self.full_model.count_params():,} parameters, {trained:,} trainable; "
            f"{plural(len(self.train.split), 'review')}, {self.train.steps:,} train and "
            f"{plural(self.validation.steps, 'validation batch')} an epoch, {plural(self.epochs, 'epoch')}; "
            f"{keras.backend.backend()}, {self.run.config.precision}"
        )

    def calls(self, callbacks: Sequence[keras.callbacks.Callback] = ()) -> Iterator[dict[str, Any]]:
        """Yields the arguments of each call of `model.fit`: one call, or two if an epoch was interrupted.

        Args:
            callbacks: your own callbacks, called before those of the run.
        """
        steps = self.train.steps + self.validation.steps
        epoch, step = self.checkpoints.begun
        with Progress(
            "Training", self.epochs * steps, "batches", done=epoch * steps + step, quiet=self.quiet
        ) as progress:
            shown = [TrainingProgress(progress, self.train, self.validation, self.epochs)]
            for epochs in self.checkpoints.epoch_ranges(self.epochs):
                yield {
                    "x": self.train,
                    "validation_data": self.validation,
                    "initial_epoch": epochs.start,
                    "epochs": epochs.stop,
                    "callbacks": [*callbacks, *([] if self.quiet else shown), *self.callbacks],
                    "class_weight": self.class_weight,
                    "shuffle": False,  # the batches are shuffled already, by the seed
                    "verbose": 0,
                }


def start_run(
    run_dir: str | Path,
    corpus: Corpus,
    recipe: Recipe[Any],
    overwrite: bool = False,
    resume: bool = False,
    devices: int | None = None,
) -> TrainingRun:
    """Returns a new run without making its folder, and sets the seeds of Keras, numpy and the backend.

    If several processes train together, this connects them.

    Args:
        overwrite: replace the run in that folder.
        resume: go on with the run in that folder, if there is one; it may be complete.
        devices: how many devices of this process to use; all by default.

    Raises:
        InputError: `run_dir` is not empty and neither `overwrite` nor `resume` is given; the run was begun
            with other settings; or there are fewer devices.
    """
    shared = find_devices(devices)
    precision = resolve_precision(recipe.training.precision)
    run = new_run(run_dir, corpus, recipe, keras.backend.backend(), precision, overwrite, resume, shared)
    shared.wait("looked at the run")  # before one of them makes it
    keras.utils.set_random_seed(recipe.training.seed)
    allow_tf32()
    return run


def prepare_fit(
    model: keras.Model,
    corpus: Corpus,
    run: TrainingRun,
    limit: int | None = None,
    quiet: bool = False,
    cache_dir: Path | None = None,
    checkpoints: CheckpointConfig | None = None,
) -> Fit:
    """Returns the arguments of `model.fit` that train `model` on a corpus as the run's config says.

    The RUN_DIR is made after all of the user's settings have been checked.

    Args:
        model: built in float32; the returned model has the precision of the run.
        limit: how many of the train reviews to use, a stratified draw; all by default.
        quiet: whether to show no progress.
        cache_dir: folder that keeps the hidden states of a run with `cache_frozen` for later runs; by
            default they are removed with the checkpoints.
        checkpoints: how often checkpoints are written, and how many are kept.

    Raises:
        InputError: the disk is too small for the hidden states, disk or memory for the n-grams; the run
            can't be resumed with these settings; or the texts of a teacher or encoder can't be read.
    """
    config, tokenizer, precision = run.config.recipe.training, corpus.tokenizer(), run.config.precision
    data, run = fit_data(corpus, run, limit, quiet)
    run = with_learned_texts(run, corpus, data.train, *data.unlabelled)
    train, validation = data.batches(run, tokenizer)
    if precision != "float32" or keras.config.dtype_policy().name != "float32":
        model = with_precision(model, precision)
    cached: list[HiddenStateBatches] = []
    if isinstance(run.config.recipe.model, BertConfig) and run.config.recipe.model.cache_frozen:
        folder = cache_dir or run.checkpoints
        train, validation = cached = cached_batches(
            [train, validation], model.get_layer(LOWER), folder, quiet
        )
    # A model that a run can't save is refused now, and not after training.
    dataclasses.replace(run.config, architecture=architecture_of(model))
    require_room(model, run, data.train, tokenizer)
    run.begin()
    if data.soft is not None:
        data.soft.keep(run)
    run.devices.wait("made the run")
    with run.resumable():
        adapt(model, run, data.train, data.unlabelled, tokenizer, data.class_weight, quiet)
        for batches in cached:
            batches.open(keep=cache_dir is not None, quiet=quiet)
    full_model = run.devices.replicate(model, precision)
    model = full_model.get_layer(UPPER) if cached else full_model
    epochs = epochs_of(config, train.steps)
    compile_model(
        model,
        config,
        epochs * train.steps,
        precision,
        masked=isinstance(run.config.recipe.model, MaskedLMConfig),
        weighted=run.devices.count > 1,
        soft=data.soft is not None,
    )
    callbacks = _callbacks(run, full_model, train, epochs, checkpoints or CheckpointConfig())
    weights = data.class_weight if run.devices.count == 1 else None  # else the batches have them
    return Fit(run, model, full_model, train, validation, callbacks, callbacks[-1], epochs, weights, quiet)


def epochs_of(config: TrainingConfig, steps: int) -> int:
    """Returns the recipe's epochs, or as many epochs of so many steps as `min_steps` needs."""
    return max(config.epochs, math.ceil(config.min_steps / steps))


def _callbacks(
    run: TrainingRun,
    full_model: keras.Model,
    train: ReviewBatches,
    epochs: int,
    config: CheckpointConfig,
) -> list[keras.callbacks.Callback]:
    """Returns the callbacks of a run; the last one saves the state of the others."""
    training = run.config.recipe.training
    # The epochs added for `min_steps` are not candidates for the best, and don't stop training: with few
    # reviews the loss varies by chance, and the learning rate falls until the end.
    first = epochs - training.epochs
    stopping = keras.callbacks.EarlyStopping(
        "val_loss", patience=training.patience or epochs, start_from_epoch=first
    )
    record = EpochRecord(run, len(train.split))
    checkpoints = Checkpoints(run, full_model, train, stopping, record, config)
    callbacks = [
        keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: train.begin_epoch(epoch)),
        LossWatch(run, train),
        record,
        stopping,
        checkpoints,
    ]
    for callback in callbacks:
        # Allows Keras to call them from another thread. Otherwise the training thread reads the metrics after
        # each step, and waits for the device before it can start the next step.
        callback.async_safe = True
    checkpoints.find()
    return callbacks
