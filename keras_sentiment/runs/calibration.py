"""Calibration on validation: the weight of the n-grams, a temperature and a threshold."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from keras_sentiment.decision import Decision
from keras_sentiment.errors import InputError
from keras_sentiment.metrics.calibration import choose_ngram_weight, fit_temperature
from keras_sentiment.metrics.thresholds import Threshold, best_f1, with_precision
from keras_sentiment.runs.config import Calibration, RunConfig, ThresholdCheck
from keras_sentiment.training_config import least_precision


def calibrated(config: RunConfig, model: Any, batches: Any) -> tuple[RunConfig, str]:
    """Calibrates a model on validation: returns the run's config, and sets the weight of the model's n-grams.

    A model that was trained by hand keeps the weight of its n-grams.

    Args:
        model: a Keras model, or its upper part with the layer of n-grams.
        batches: `ReviewBatches` of the validation reviews.

    Raises:
        InputError: a logit is not a number.

    Returns:
        The config; and why no threshold was chosen, or an empty text.
    """
    from keras_sentiment.models.ngrams import ngram_layer

    labels, groups = np.asarray(batches.split.labels), batches.split.groups
    layer = ngram_layer(model)
    weight = config.recipe.model.ngram_weight
    chosen = weight == "auto" and not config.trained_by_hand and len(np.unique(labels)) > 1
    if layer is None or not chosen:
        logits = _finite(_logits_of(model, batches))
        temperature = fit_temperature(logits, labels, groups)
        weight = None if layer is None else layer.share
    else:
        linear = _linear_logits_of(layer, batches)
        layer.share = 0.0
        model.predict_function = None  # compiled with the share before
        deep = _finite(_logits_of(model, batches))
        weight, temperature = choose_ngram_weight(deep, linear, labels, groups)
        layer.share, model.predict_function = weight, None
        logits = (1 - weight) * deep + weight * linear
    calibration = Calibration(
        reviews=len(labels),
        groups=None if groups is None else len(np.unique(groups)),
        fitted=not temperature.reason,
        reason=temperature.reason,
        ngram_weight=weight,
        chose_ngram_weight=layer is not None and chosen,
    )
    config = dataclasses.replace(
        config, temperature=temperature.value, threshold=None, calibration=calibration
    )
    aim = config.recipe.training.threshold_for
    if aim is None:
        return config, ""
    try:
        return _with_threshold(config, calibration, aim, logits, labels, groups), ""
    except InputError as error:
        rule = Decision(config.labels, class_weight=config.class_weight).rule()
        return config, f"{error}; the model is saved without one, and {rule}"


def _finite(logits: np.ndarray) -> np.ndarray:
    if not np.isfinite(logits).all():
        raise InputError("the model's logits are not numbers; train it with a lower learning rate")
    return logits


def _with_threshold(
    config: RunConfig,
    calibration: Calibration,
    aim: str,
    logits: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray | None,
) -> RunConfig:
    """Returns the config with the threshold that the recipe asks for.

    Raises:
        InputError: no threshold reaches the aim.
    """
    label = config.recipe.training.threshold_label or config.labels[1]
    place = config.labels.index(label)
    scores = Decision(config.labels, config.temperature).probabilities(logits)[:, place]
    least = least_precision(aim)
    try:
        found = _chosen(scores, labels == place, groups, least)
    except InputError as error:
        raise InputError(f"label {label}: {error}") from None
    # The threshold of a decision is on the second label.
    threshold = found.value if place == 1 else 1 - found.value
    check = ThresholdCheck(
        label=label,
        aim=aim,
        precision=found.precision,
        recall=found.recall,
        precision_ci95=tuple(found.precision_ci95),
        recall_ci95=tuple(found.recall_ci95),
        predicted=found.chosen,
        present=found.present,
    )
    calibration = dataclasses.replace(calibration, threshold=check)
    return dataclasses.replace(config, threshold=threshold, class_weight=None, calibration=calibration)


def _chosen(
    scores: np.ndarray, positive: np.ndarray, groups: np.ndarray | None, least: float | None
) -> Threshold:
    if least is None:
        return best_f1(scores, positive, groups)
    return with_precision(scores, positive, least, groups)


def _logits_of(model: Any, batches: Any) -> np.ndarray:
    return _in_order(
        (rows, np.asarray(model.predict_on_batch(inputs))) for rows, inputs in batches.for_scoring()
    )


def _linear_logits_of(layer: Any, batches: Any) -> np.ndarray:
    import keras

    return _in_order(
        (rows, keras.ops.convert_to_numpy(layer.linear_logits(inputs["token_ids"], inputs["padding_mask"])))
        for rows, inputs in batches.for_scoring()
    )


def _in_order(scored: Any) -> np.ndarray:
    """Returns float64[reviews, num_classes], in the order of the split, of batches of rows and logits."""
    found = list(scored)
    order = np.concatenate([rows for rows, _ in found])
    return np.concatenate([logits for _, logits in found])[np.argsort(order)].astype("float64")
