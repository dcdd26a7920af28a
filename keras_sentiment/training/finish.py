"""The end of a run: the best weights, a temperature and a threshold from validation, the saved model."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from keras_sentiment.data.corpus import Corpus
from keras_sentiment.decision import Decision
from keras_sentiment.errors import InputError
from keras_sentiment.metrics.calibration import choose_threshold, fit_temperature
from keras_sentiment.models.layer_names import UPPER
from keras_sentiment.models.transformer import encoder_of
from keras_sentiment.runs.history import read_history
from keras_sentiment.runs.run import Run
from keras_sentiment.training.fit import Fit


def finish(fit: Fit, corpus: Corpus) -> Run:
    """Puts back the best epoch's weights, if the config says so, calibrates, and saves the run.

    Returns:
        The run with the temperature, and the threshold if one was asked for, that suit validation.

    Raises:
        InputError: the loss became NaN or infinite, so there is nothing worth saving; or no threshold
            reaches its aim, and the run is saved without one.
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
    run.save(fit.full_model, corpus.tokenizer())
    if missed:
        raise InputError(missed)
    return run


def finish_encoder(fit: Fit, corpus: Corpus) -> None:
    """Puts back the best epoch's weights, if the config says so, and saves the encoder alone.

    Raises:
        InputError: the loss became NaN or infinite.
    """
    fit = _kept(fit)
    fit.run.save(encoder_of(fit.full_model), corpus.tokenizer())


def _kept(fit: Fit) -> Fit:
    """Returns the fit with the weights that are kept, on one device."""
    devices = fit.run.devices
    full_model = devices.gather(fit.full_model, fit.run.config.precision)
    model = full_model if fit.model is fit.full_model else full_model.get_layer(UPPER)
    fit = dataclasses.replace(fit, full_model=full_model, model=model)
    devices.wait("trained")
    best = fit.run.config.recipe.training.restore_best_weights
    # The first epoch counts as the best until one is better, and none is better than NaN.
    if not math.isfinite(read_history(fit.run)[0 if best else -1]["val_loss"]):
        raise InputError(
            f"{fit.run.path}: the loss is not a number; train again with a lower --learning-rate"
        )
    fit.checkpoints.restore_weights(fit.model, best=best)
    devices.wait("kept the weights")
    return fit


def _validation_logits(fit: Fit) -> np.ndarray:
    """Returns float32[reviews, num_classes] from the model as it was trained, hidden states cached or not."""
    batches = list(fit.validation.for_scoring())
    order = np.concatenate([rows for rows, _ in batches])
    found = np.concatenate([np.asarray(fit.model.predict_on_batch(inputs)) for _, inputs in batches])
    return found[np.argsort(order)].astype("float32")
