"""The end of a run: the best weights, calibration on validation, and the saved model."""

from __future__ import annotations

import dataclasses
import math

from keras_sentiment.data.corpus import Corpus
from keras_sentiment.errors import InputError
from keras_sentiment.messages import tell
from keras_sentiment.models.layer_names import UPPER
from keras_sentiment.models.transformer import encoder_of
from keras_sentiment.progress import phase
from keras_sentiment.quantities import figure, plural
from keras_sentiment.runs.calibration import calibrated
from keras_sentiment.runs.history import read_history
from keras_sentiment.runs.run import Run
from keras_sentiment.training.class_weights import without_class_weights
from keras_sentiment.training.fit import Fit


def finish(fit: Fit, corpus: Corpus) -> Run:
    """Restores the weights of the best epoch, if the config says so, calibrates the model, and saves the run.

    Class weights are removed from the logits first: probabilities are those of unweighted texts.

    Returns:
        The complete run, with a temperature and, if one was asked for, a threshold from validation.

    Raises:
        InputError: the loss became NaN or infinite, and the run is not saved; or no threshold reaches its
            aim, and the run is saved without one.
    """
    with fit.run.resumable():
        fit = _kept(fit)
        if fit.run.config.class_weight is not None:
            without_class_weights(fit.model, fit.run.config.class_weight)
        on = f"on {plural(len(fit.validation.split), 'validation review')}"
        with phase(f"Calibrating the model {on}", f"Calibrated the model {on}", fit.quiet):
            config, missed = calibrated(fit.run.config, fit.model, fit.validation)
        run = dataclasses.replace(fit.run, config=config).finish(fit.full_model, corpus, fit.quiet)
    if missed:
        raise InputError(
            f"{run.path}: {missed}; use it as it is, or train again with another --threshold-for"
        )
    return run


def finish_encoder(fit: Fit, corpus: Corpus) -> None:
    """Restores the weights of the best epoch, if the config says so, and saves only the encoder.

    Raises:
        InputError: the loss became NaN or infinite.
    """
    with fit.run.resumable():
        fit = _kept(fit)
        fit.run.finish(encoder_of(fit.full_model), corpus, fit.quiet)


def _kept(fit: Fit) -> Fit:
    """Returns the fit on one device, with the weights of the best or the last epoch."""
    devices = fit.run.devices
    full_model = devices.gather(fit.full_model, fit.run.config.precision)
    model = full_model if fit.model is fit.full_model else full_model.get_layer(UPPER)
    fit = dataclasses.replace(fit, full_model=full_model, model=model)
    devices.wait("trained")
    config, rows = fit.run.config.recipe.training, read_history(fit.run)
    best = config.restore_best_weights
    # The first epoch that may be the best stays the best if its loss is NaN, since no loss compares as lower.
    first = fit.epochs - config.epochs
    if not math.isfinite(rows[first if best else -1]["val_loss"]):
        raise InputError(
            f"{fit.run.path}: the loss is not a number; train again with a lower --learning-rate"
        )
    fit.checkpoints.restore_weights(fit.model, best=best)
    devices.wait("kept the weights")
    if not fit.quiet:
        if len(rows) < fit.epochs:
            tell(
                f"Stopped after epoch {len(rows)} of {fit.epochs}: the validation loss has not improved for "
                f"{plural(config.patience or fit.epochs, 'epoch')}."
            )
        kept = fit.checkpoints.best_epoch if best else len(rows) - 1
        loss = figure(rows[kept]["val_loss"], len(fit.validation.split))
        tell(f"Kept the weights of epoch {kept + 1}, validation loss {loss}.")
    return fit
