"""The architecture of a model: what a run describes of it, its model built anew, whether two are of one."""

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

_TOLERANCE = 1e-3  # of the logits of one model, computed twice in float32
_OTHER = "the model is not of the run's architecture"
_FIX = "train the model of run.load_model(), or one that is built from the recipe's own configuration"


def architecture_of(model: keras.Model) -> Architecture:
    """Returns what `rebuild` needs beside a recipe, of a model that was built from it."""
    ngrams, backbone, embeddings = ngram_layer(model), None, model
    if any(layer.name == LOWER for layer in model.layers):
        from keras_sentiment.models.bert import backbone_config  # imports KerasHub, and so TensorFlow

        backbone, embeddings = backbone_config(model), model.get_layer(LOWER)
    return Architecture(
        vocabulary_size=embeddings.get_layer("token_embedding").input_dim,
        backbone=backbone,
        ngram_rows=ngrams.rows if ngrams else 0,
        ngram_weight=ngrams.share if ngrams else 0.0,
    )


def rebuild(recipe: Recipe[Any], architecture: Architecture, num_classes: int) -> keras.Model:
    """Returns the model of a complete run with random weights; nothing is read from elsewhere.

    Raises:
        InputError: the recipe and the architecture do not go together.
    """
    config, sequence_length = recipe.model, recipe.inputs.sequence_length
    vocabulary_size = architecture.vocabulary_size
    if isinstance(config, BertConfig):
        from keras_sentiment.models.bert import rebuild_bert  # imports KerasHub, and so TensorFlow

        if architecture.backbone is None:
            raise InputError("backbone is null, and the model is a BERT")
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
    """Gives a run's model the weights of another one, which must compute the same with them.

    So what is saved holds the layers that the run describes, and nothing else of a user's program.

    Args:
        ours: of the architecture that the run's recipe describes.
        model: in any precision, however compiled.
        inputs: some rows, to compare the two.

    Raises:
        InputError: they compute something else.
    """
    try:
        for mine, its in zip(adapted_layers(ours), adapted_layers(model), strict=True):
            if isinstance(mine, NgramEnsemble) and isinstance(its, NgramEnsemble):
                mine.resize(its.rows)  # as many n-grams as occur in what it was fitted to
                mine.share = its.share
        # The policy of both may be another one: Keras has one for all that a program builds.
        ours, model = with_precision(ours, "float32"), with_precision(model, "float32")
        ours.set_weights(model.get_weights())
        found, expected = (np.asarray(each.predict_on_batch(inputs)) for each in (ours, model))
    except Exception as error:  # Keras and the backends each raise errors of their own
        raise InputError(f"{_OTHER} ({first_line(error)}); {_FIX}") from error
    if found.shape != expected.shape or not np.allclose(
        found, expected, _TOLERANCE, _TOLERANCE, equal_nan=True
    ):
        raise InputError(f"{_OTHER} (its logits differ with the same weights); {_FIX}")
    for mine, its in zip(adapted_layers(ours), adapted_layers(model), strict=True):
        mine.adapted = its.adapted
    return ours
