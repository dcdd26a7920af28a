"""From labelled texts to a sentiment model that can be trusted and served.

`keras_sentiment.load(path).predict(["…"])` labels texts with a trained model.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from keras_sentiment.errors import InputError

if TYPE_CHECKING:
    from keras_sentiment.inference.classifier import Classifier

__all__ = ["InputError", "load"]
__version__ = version("keras-sentiment")


def load(path: str, precision: str = "float32", windows: bool = False) -> Classifier:
    """Opens a trained model; see `keras_sentiment.inference.load.load`."""
    # Keras is imported here and not at the top, so that commands answer and servers start without it.
    from keras_sentiment.inference.load import load

    return load(path, precision, windows)
