"""The weights of labels in the loss, and how a trained model is freed from them."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from keras_sentiment.data.encoded_split import Split
from keras_sentiment.models.ngrams import ngram_layer


def balanced_weights(split: Split, num_classes: int) -> dict[int, float]:
    """Returns a weight a class, in inverse proportion to its count; their mean over reviews is 1.

    A review of soft labels counts as one of its most probable label, as Keras weights it.
    """
    labels = split.labels if split.soft_labels is None else split.soft_labels.argmax(axis=1)
    counts = np.bincount(labels, minlength=num_classes)
    return {label: len(split) / (num_classes * count) for label, count in enumerate(counts.tolist())}


def without_class_weights(model: keras.Model, class_weight: Sequence[float]) -> None:
    """Takes class weights out of the logits of a model that was trained with them, n-grams included.

    Weights in the loss multiply the odds that are learned (Elkan 2001, "The Foundations of Cost-Sensitive
    Learning", theorem 2). Less their logarithm, the logits stand for the probabilities of unweighted texts;
    nearly so where soft labels were learned, whose weight is that of the most probable label.
    """
    logarithms = np.log(np.asarray(class_weight, "float64")).astype("float32")
    bias, ngrams = _logits_layer(model).bias, ngram_layer(model)
    bias.assign(keras.ops.convert_to_numpy(bias) - logarithms)
    if ngrams is not None:
        ngrams.add_to_logits(-logarithms)


def _logits_layer(model: keras.Model) -> keras.layers.Dense:
    """Returns the dense layer that gives the deep model's logits, of a model or of its last part."""
    for layer in reversed(model.layers):
        if isinstance(layer, keras.Model):
            return _logits_layer(layer)
        if layer.name == "logits":
            return layer
    raise ValueError(f"the model has no layer of logits. Received: {model.name}")
