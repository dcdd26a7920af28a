"""The vector of a text: the input of a classifier's last layer, `logits`."""

from __future__ import annotations

import keras

from keras_sentiment.models.layer_names import LOWER, UPPER


def pooled_model(model: keras.Model) -> keras.Model:
    """Returns the part of a classifier below its logits, with shared weights and without the n-grams.

    Args:
        model: from `build_transformer` or `build_bert`.

    Returns:
        A model that maps the inputs of the classifier to float32[batch, dim].
    """
    names = [layer.name for layer in model.layers]
    if UPPER not in names:
        return keras.Model(model.input, model.get_layer("logits").input, name="pooled_model")
    upper = model.get_layer(UPPER)
    pooled = keras.Model(upper.input, upper.get_layer("logits").input)
    lower, inputs = model.get_layer(LOWER), model.input
    segment_ids = keras.ops.zeros_like(inputs["token_ids"])
    hidden_states = lower({**inputs, "segment_ids": segment_ids})
    return keras.Model(inputs, pooled({**inputs, "hidden_states": hidden_states}), name="pooled_model")
