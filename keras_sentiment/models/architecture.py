"""Describes the architecture of a model, and builds a model from that description."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from keras_sentiment.architecture import Architecture
from keras_sentiment.config import BertConfig, MaskedLMConfig
from keras_sentiment.errors import InputError, first_line
from keras_sentiment.models.layer_names import LOWER
from keras_sentiment.models.ngrams import NgramEnsemble, adapted_layers, ngram_layer
from keras_sentiment.models.precision import with_precision
from keras_sentiment.models.transformer import build_masked_lm, build_transformer, encoder_of
from keras_sentiment.recipes import Recipe

_TOLERANCE = 1e-3  # between logits that one model computes twice in float32
_OTHER = "the model does not have the run's architecture"
_FIX = "train the model of run.load_model(), or a model that is built from the recipe's own configuration"


def architecture_of(model: keras.Model) -> Architecture:
    """Returns the sizes that `rebuild` needs in addition to the model's recipe."""
    ngrams, backbone, embeddings = ngram_layer(model), None, model
    if any(layer.name == LOWER for layer in model.layers):
        from keras_sentiment.models.bert import backbone_config  # imports KerasHub, which imports TensorFlow

        backbone, embeddings = backbone_config(model), model.get_layer(LOWER)
    return Architecture(
        vocabulary_size=embeddings.get_layer("token_embedding").input_dim,
        backbone=backbone,
        ngram_rows=ngrams.rows if ngrams else 0,
        ngram_weight=ngrams.share if ngrams else 0.0,
    )


def rebuild(recipe: Recipe[Any], architecture: Architecture, num_classes: int) -> keras.Model:
    """Returns the model of a run with random weights. It reads no file and downloads nothing.

    Args:
        recipe: the recipe of the run.
        architecture: as `architecture_of` returns it.
        num_classes: int, the number of labels.

    Raises:
        InputError: the recipe does not fit the architecture.
    """
    config, sequence_length = recipe.model, recipe.inputs.sequence_length
    vocabulary_size = architecture.vocabulary_size
    if isinstance(config, BertConfig):
        from keras_sentiment.models.bert import rebuild_bert  # imports KerasHub, which imports TensorFlow

        if architecture.backbone is None:
            raise InputError("backbone is null, but a BERT needs one")
        model = rebuild_bert(config, architecture.backbone, vocabulary_size, sequence_length, num_classes)
    elif isinstance(config, MaskedLMConfig):
        model = encoder_of(build_masked_lm(config, vocabulary_size, sequence_length))
    else:
        model = build_transformer(config, vocabulary_size, sequence_length, num_classes)
    for layer in adapted_layers(model):
        layer.adapted = True
        if isinstance(layer, NgramEnsemble):
            layer.resize(architecture.ngram_rows)
            layer.share = architecture.ngram_weight
    return model


def take_weights(ours: keras.Model, model: keras.Model, inputs: dict[str, np.ndarray]) -> keras.Model:
    """Copies the weights of a user's model into the model of a run, and checks that both compute the same.

    The run then holds exactly the layers that its recipe describes.

    Args:
        ours: a model with the architecture of the run's recipe.
        model: the user's model, in any precision.
        inputs: rows to compare the logits on, `{"token_ids": int32[batch, length], "padding_mask": ...}`.

    Returns:
        `ours` in float32, with the weights of `model`.

    Raises:
        InputError: the logits differ, or the weights do not fit.
    """
    try:
        for mine, theirs in zip(adapted_layers(ours), adapted_layers(model), strict=True):
            if isinstance(mine, NgramEnsemble) and isinstance(theirs, NgramEnsemble):
                mine.resize(theirs.rows)
                mine.share = theirs.share
        # Keras has a global dtype policy, so either model may have another one.
        ours, model = with_precision(ours, "float32"), with_precision(model, "float32")
        ours.set_weights(model.get_weights())
        found, expected = (np.asarray(each.predict_on_batch(inputs)) for each in (ours, model))
    except Exception as error:  # Keras and the backends have no common error class
        raise InputError(f"{_OTHER} ({first_line(error)}); {_FIX}") from error
    if found.shape != expected.shape or not np.allclose(
        found, expected, _TOLERANCE, _TOLERANCE, equal_nan=True
    ):
        raise InputError(f"{_OTHER} (its logits differ with the same weights); {_FIX}")
    for mine, theirs in zip(adapted_layers(ours), adapted_layers(model), strict=True):
        mine.adapted = theirs.adapted
    return ours
