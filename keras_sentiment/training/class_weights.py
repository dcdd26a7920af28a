"""Class weights in the loss, and their removal from the logits of a trained model."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from keras_sentiment.data.encoded_split import Split
from keras_sentiment.models.ngrams import ngram_layer


def balanced_weights(split: Split, num_classes: int) -> dict[int, float]:
    """Returns a weight for each class, inversely proportional to its count; their mean over reviews is 1.

    A review with soft labels counts as one of its most probable label, as in Keras.
    """
    labels = split.labels if split.soft_labels is None else split.soft_labels.argmax(axis=1)
    counts = np.bincount(labels, minlength=num_classes)
    return {label: len(split) / (num_classes * count) for label, count in enumerate(counts.tolist())}


def without_class_weights(model: keras.Model, class_weight: Sequence[float]) -> None:
    """Removes class weights from the logits of a model that was trained with them, including its n-grams.

    Weights in the loss multiply the odds that are learned (Elkan 2001, "The Foundations of Cost-Sensitive
    Learning", theorem 2). After subtracting their logarithms the logits give the probabilities of unweighted
    texts; approximately so with soft labels, which have the weight of their most probable label.
    """
    logarithms = np.log(np.asarray(class_weight, "float64")).astype("float32")
    bias, ngrams = _logits_layer(model).bias, ngram_layer(model)
    bias.assign(keras.ops.convert_to_numpy(bias) - logarithms)
    if ngrams is not None:
        ngrams.add_to_logits(-logarithms)


def _logits_layer(model: keras.Model) -> keras.layers.Dense:
    """Returns the dense layer of the deep model's logits, in a model or in its last part."""
    for layer in reversed(model.layers):
        if isinstance(layer, keras.Model):
            return _logits_layer(layer)
        if layer.name == "logits":
            return layer
    raise ValueError(f"the model has no layer of logits. Received: {model.name}")
