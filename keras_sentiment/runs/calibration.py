"""What validation chooses for a trained model: its temperature, and a threshold where one is asked for."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from keras_sentiment.decision import Decision
from keras_sentiment.errors import InputError
from keras_sentiment.metrics.calibration import choose_threshold, fit_temperature
from keras_sentiment.runs.config import RunConfig


def logits_of(model: Any, batches: Any) -> np.ndarray:
    """Returns float32[reviews, num_classes], in the order of the split.

    Args:
        model: a Keras model.
        batches: `ReviewBatches`.
    """
    found = [(rows, np.asarray(model.predict_on_batch(inputs))) for rows, inputs in batches.for_scoring()]
    order = np.concatenate([rows for rows, _ in found])
    return np.concatenate([logits for _, logits in found])[np.argsort(order)].astype("float32")


def calibrated(config: RunConfig, logits: np.ndarray, labels: np.ndarray) -> tuple[RunConfig, str]:
    """Returns a run's config with a temperature and a threshold for a model's logits on validation.

    Raises:
        InputError: a logit is not a number.

    Returns:
        The config; and why there is no threshold, if one was asked for and none reaches its aim.
    """
    if not np.isfinite(logits).all():
        raise InputError("the model's logits are not numbers; train it with a lower learning rate")
    temperature = fit_temperature(logits, labels)
    config = dataclasses.replace(config, temperature=temperature, threshold=None)
    aim = config.recipe.training.threshold_for
    if aim is None:
        return config, ""
    probabilities = Decision(config.labels, temperature).probabilities(logits)
    try:
        return dataclasses.replace(config, threshold=choose_threshold(probabilities, labels, aim)), ""
    except InputError as error:
        return config, f"{error}; the model is saved and takes the more probable label"
