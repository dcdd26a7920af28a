"""What `fit` needs: batches, a compiled model, callbacks; and the end of a run."""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_sentiment.batches.devices import find_devices
from keras_sentiment.batches.frozen_cache import LOWER, UPPER, HiddenStateBatches, require_room_for
from keras_sentiment.batches.masked_batches import MaskedBatches
from keras_sentiment.batches.review_batches import ReviewBatches
from keras_sentiment.config import BertConfig, CheckpointConfig, MaskedLMConfig
from keras_sentiment.data.corpus import Corpus
from keras_sentiment.data.encoded_split import Split, together
from keras_sentiment.decision import Decision
from keras_sentiment.errors import InputError
from keras_sentiment.metrics.calibration import choose_threshold, fit_temperature
from keras_sentiment.models.precision import allow_tf32, resolve_precision, with_precision
from keras_sentiment.models.transformer import encoder_of
from keras_sentiment.recipes import Recipe
from keras_sentiment.runs.history import EpochRecord, read_history
from keras_sentiment.runs.run import Run
from keras_sentiment.training.adaptation import adapt
from keras_sentiment.training.callbacks import Progress
from keras_sentiment.training.checkpoints import Checkpoints, LossWatch
from keras_sentiment.training.distillation import SoftLabels
from keras_sentiment.training.optimization import compile_model
from keras_sentiment.training.run_writer import TrainingRun, new_run


@dataclass(frozen=True)
class Fit:
    """The arguments of `model.fit`, and the model compiled for them.

    Args:
        run: what is trained, and where to.
        whole: what a bundle is made of: `model`, or what `model` is the upper part of.
        checkpoints: the last of the callbacks.
    """

    run: TrainingRun
    model: keras.Model
    whole: keras.Model
    train: ReviewBatches
    validation: ReviewBatches
    callbacks: list[keras.callbacks.Callback]
    checkpoints: Checkpoints
    class_weight: dict[int, float] | None

    def summary(self) -> str:
        """Returns a line on parameters, how many of them train, reviews, backend and precision."""
        trained = sum(math.prod(weight.shape) for weight in self.whole.trainable_weights)
        return (
            f"{self.whole.name}: {self.whole.count_params():,} parameters, {trained:,} train; "
            f"{len(self.train.split):,} reviews, {self.train.num_batches} batches an epoch; "
            f"{keras.backend.backend()}, {self.run.config.precision}"
        )

    def stretches(self) -> Iterator[range]:
        """Yields the epochs of each call of `fit`: of one call; of two where an epoch was interrupted."""
        return self.checkpoints.stretches(self.run.config.recipe.training.epochs)


def start(
    run_dir: str | Path,
    corpus: Corpus,
    recipe: Recipe[Any],
    overwrite: bool = False,
    resume: bool = False,
    devices: int | None = None,
) -> TrainingRun:
    """Returns a new run, its folder not yet made, and seeds all that is random: Keras, numpy, the backend.

    Where several processes train together, this connects them.

    Args:
        overwrite: take the place of the run in that folder.
        resume: go on with the run in that folder, if there is one; it may be complete.
        devices: how many of this process share its part of a batch; all by default.

    Raises:
        InputError: `run_dir` holds something and neither is given, or the run was begun otherwise; or the
            devices are not there.
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
    """Returns what `model.fit` takes to train `model` on a corpus as the run's config says.

    It makes the RUN_DIR when nothing of the user's is left to refuse.

    Args:
        model: built in float32; the one returned has the precision of the run.
        limit: how many of the train reviews to use, a stratified draw; all by default.
        quiet: whether to show no progress.
        cache_dir: keeps the hidden states of a run with `cache_frozen`, and has those of earlier ones;
            by default they go with the run.
        checkpoints: how often they are written, and how many stay.

    Raises:
        InputError: the disk has no room for the hidden states or the n-grams, or the run can't be resumed
            like this.
    """
    recipe, config = run.config.recipe, run.config.recipe.training
    split = corpus.splits["train"]
    unlabelled = [] if corpus.unlabelled is None else [corpus.unlabelled]
    if isinstance(recipe.model, MaskedLMConfig) and unlabelled:
        split, unlabelled = together(split, *unlabelled), []
    if limit is not None:
        split = split.limit(limit, config.seed)
    begun_with = run.config.data.get("trained_reviews", len(split))
    if begun_with != len(split):
        raise InputError(
            f"{run.path}: it was begun with {begun_with} train reviews, not {len(split)}; resume it with "
            "the command that began it"
        )
    run = run.with_data(trained_reviews=len(split))
    soft = SoftLabels.of_run(run, corpus, quiet) if config.teachers else None
    if soft is not None:
        split, unlabelled = soft.join(split), []
        # Reading the teachers took random numbers, and a run that is resumed doesn't read them. Those that
        # the seed itself gives are in the model's first weights already.
        keras.utils.set_random_seed(config.seed + 1)
    weights = balanced_weights(split, len(corpus.labels)) if config.class_weight else None
    train, validation = _batches(split, corpus, run, weights)
    if run.config.precision != "float32":
        model = with_precision(model, run.config.precision)
    cached: list[HiddenStateBatches] = []
    if isinstance(recipe.model, BertConfig) and recipe.model.cache_frozen:
        folder = cache_dir or run.checkpoints
        if run.devices.processes > 1:
            raise InputError("--cache-frozen is for one process; leave it out")
        cached = [HiddenStateBatches(part, model.get_layer(LOWER), folder) for part in (train, validation)]
        train, validation = cached
        gigabytes = require_room_for(cached, folder) / 1e9
        if not quiet:
            print(f"Hidden states of the frozen part: {gigabytes:.1f} GB in {folder}", file=sys.stderr)
    run.begin()
    if soft is not None:
        soft.keep(run)
    run.devices.wait("made the run")
    adapt(model, run, split, unlabelled, corpus.tokenizer(), weights, quiet)
    for part in cached:
        part.open(keep=cache_dir is not None, quiet=quiet)
    whole = run.devices.replicate(model, run.config.precision)
    model = whole.get_layer(UPPER) if cached else whole
    masked, several = isinstance(recipe.model, MaskedLMConfig), run.devices.count > 1
    steps, taught = config.epochs * train.steps, soft is not None
    compile_model(model, config, steps, run.config.precision, masked, several, taught)
    stopping = keras.callbacks.EarlyStopping("val_loss", patience=config.patience or config.epochs)
    record = EpochRecord(run, len(split))
    last = Checkpoints(run, whole, train, stopping, record, checkpoints or CheckpointConfig())
    callbacks = [
        keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: _compose(train, epoch)),
        LossWatch(run, train),
        record,
        *([] if quiet else [Progress(train, config.epochs)]),
        stopping,
        last,
    ]
    for callback in callbacks:
        # They may be called from another thread. Otherwise the training thread reads the metrics after every
        # step, and so waits until the device is done instead of handing it the next one.
        callback.async_safe = True
    last.find()
    return Fit(run, model, whole, train, validation, callbacks, last, None if several else weights)


def _batches(
    split: Split, corpus: Corpus, run: TrainingRun, class_weight: dict[int, float] | None
) -> tuple[ReviewBatches, ReviewBatches]:
    """Returns the batches of what trains and of validation."""
    recipe = run.config.recipe
    config, held_out, devices = recipe.training, corpus.splits["validation"], run.devices
    if split.soft_labels is not None:  # what is compiled for them knows no others
        held_out = dataclasses.replace(held_out, soft_labels=held_out.probabilities(len(corpus.labels)))
    tokenizer, inputs = corpus.tokenizer(), recipe.inputs
    drawn: dict[str, Any] = {
        "batch_size": config.batch_size,
        "seed": config.seed,
        "word_dropout": config.word_dropout,
        "class_weight": class_weight,
    }
    kind: Any = ReviewBatches
    if isinstance(recipe.model, MaskedLMConfig):
        kind = partial(MaskedBatches, mask_rate=recipe.model.mask_rate)
    return (
        kind(split, tokenizer, inputs, devices=devices, **drawn),
        kind(held_out, tokenizer, inputs, devices=devices),
    )


def _compose(batches: ReviewBatches, epoch: int) -> None:
    if batches.epoch != epoch:  # else it may begin in its middle
        batches.start_epoch(epoch)


def balanced_weights(split: Split, num_classes: int) -> dict[int, float]:
    """Returns a weight a class, in inverse proportion to its count; their mean over reviews is 1.

    A review of soft labels counts as one of its most probable label, as Keras weighs it.
    """
    counts = np.bincount(split.probabilities(num_classes).argmax(axis=1), minlength=num_classes)
    return {label: len(split) / (num_classes * count) for label, count in enumerate(counts.tolist())}


def finish(fit: Fit, corpus: Corpus) -> Run:
    """Puts back the best epoch's weights, if the config says so, calibrates, and saves the bundle.

    Returns:
        The run with the temperature, and the threshold if one was asked for, that suit validation.

    Raises:
        InputError: the loss became NaN or infinite, so there is nothing worth saving; or no threshold
            reaches its aim, and the bundle is saved without one.
    """
    run, config = fit.run, fit.run.config.recipe.training
    fit = _kept(fit)
    logits, labels = _validation_logits(fit), np.asarray(fit.validation.split.labels)
    changes: dict[str, Any] = {"temperature": fit_temperature(logits, labels)}
    missed = ""
    if config.threshold_for is not None:
        probabilities = Decision(run.config.labels, changes["temperature"]).probabilities(logits)
        try:
            changes["threshold"] = choose_threshold(probabilities, labels, config.threshold_for)
        except InputError as error:
            missed = f"{run.path}: {error}; the model is saved and takes the more probable label"
    run = dataclasses.replace(run, config=dataclasses.replace(run.config, **changes))
    run.save(fit.whole, corpus.tokenizer())
    if missed:
        raise InputError(missed)
    return run


def finish_encoder(fit: Fit, corpus: Corpus) -> None:
    """Puts back the best epoch's weights, if the config says so, and saves the encoder alone.

    Raises:
        InputError: the loss became NaN or infinite.
    """
    fit = _kept(fit)
    fit.run.save(encoder_of(fit.whole), corpus.tokenizer())


def _kept(fit: Fit) -> Fit:
    """Returns the fit with the weights that are kept, on one device."""
    devices = fit.run.devices
    whole = devices.gather(fit.whole, fit.run.config.precision)
    model = whole if fit.model is fit.whole else whole.get_layer(UPPER)
    fit = dataclasses.replace(fit, whole=whole, model=model)
    devices.wait("trained")
    best = fit.run.config.recipe.training.keep == "best"
    # The first epoch counts as the best until one is better, and none is better than NaN.
    if not math.isfinite(read_history(fit.run)[0 if best else -1]["val_loss"]):
        raise InputError(
            f"{fit.run.path}: the loss is not a number; train again with a lower --learning-rate"
        )
    fit.checkpoints.put_back(fit.model, best=best)
    devices.wait("kept the weights")
    return fit


def _validation_logits(fit: Fit) -> np.ndarray:
    """Returns float32[reviews, num_classes] from the model as it was trained, hidden states cached or not."""
    batches = list(fit.validation.for_scoring())
    order = np.concatenate([rows for rows, _ in batches])
    found = np.concatenate([np.asarray(fit.model.predict_on_batch(inputs)) for _, inputs in batches])
    return found[np.argsort(order)].astype("float32")
