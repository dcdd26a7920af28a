"""Whether two models are of one architecture: a run takes only what it describes."""

from __future__ import annotations

import keras
import numpy as np

from keras_sentiment.errors import InputError, first_line
from keras_sentiment.models.ngrams import NgramEnsemble, adapted_layers
from keras_sentiment.models.precision import with_precision

_TOLERANCE = 1e-3  # of the logits of one model, computed twice in float32
_OTHER = "the model is not of the run's architecture"
_FIX = "train the model of run.load_model(), or one that is built from the recipe's own configuration"


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
