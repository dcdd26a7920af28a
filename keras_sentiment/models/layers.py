"""Layers of the small Transformer outside its encoder blocks.

They stand here because KerasHub, which has similar layers, imports TensorFlow.
"""

from __future__ import annotations

import importlib
import warnings
from typing import Any

import keras
from keras import ops

_PACKAGE = "keras_sentiment"


def register_layers() -> None:
    """Registers the layers of this library and of KerasHub for `keras.saving.load_model`.

    The function imports Keras and KerasHub, and KerasHub imports TensorFlow. `keras.saving.load_model` builds
    whatever layers a file describes. Open runs that you do not trust with `load` instead: it builds the
    model from the run's config and reads only weights from the file.

    Example:
        >>> register_layers()
        >>> model = keras.saving.load_model("runs/films/model.keras")
        >>> model.name
        'transformer'
    """
    # Importing a module registers its layers.
    for module in ("keras_sentiment.models.transformer", "keras_hub"):
        importlib.import_module(module)


def warn_unless_adapted(layer: Any, consequence: str) -> None:
    """Warns if a layer was not fitted to the train reviews.

    Args:
        layer: a layer with the attribute `adapted`.
        consequence: what follows for the model, as the end of a sentence.

    Warns:
        UserWarning: `layer.adapted` is false.
    """
    if not layer.adapted:
        warnings.warn(
            f"{layer.name} was not adapted to the train reviews, so {consequence}. "
            "Call keras_sentiment.adapt_model(model, train) before model.fit.",
            stacklevel=2,
        )


@keras.saving.register_keras_serializable(_PACKAGE)
class TokenEmbedding(keras.layers.ReversibleEmbedding):
    """Token embeddings whose first values come from the train reviews (`training.adaptation`).

    Args:
        input_dim, output_dim, and others: as in `keras.layers.ReversibleEmbedding`.
        adapted: bool, whether the embeddings have their first values.

    Call arguments:
        inputs: int32[batch, length], token ids; with `reverse`, float[batch, length, output_dim].
        reverse: bool, whether to map vectors to logits over the vocabulary.
        training: bool, whether to warn if the embeddings were not adapted.

    Returns:
        float[batch, length, output_dim]; with `reverse`, float[batch, length, input_dim].

    Example:
        >>> layer = TokenEmbedding(100, 8)
        >>> tuple(layer(ops.ones((1, 5), "int32")).shape)
        (1, 5, 8)
    """

    def __init__(self, *args: Any, adapted: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.adapted = adapted

    def call(self, inputs: Any, reverse: bool = False, training: bool | None = None) -> Any:
        if training:
            warn_unless_adapted(self, "the token embeddings start from random values")
        return super().call(inputs, reverse=reverse)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "adapted": self.adapted}


@keras.saving.register_keras_serializable(_PACKAGE)
class PositionEmbedding(keras.layers.Layer):
    """Adds a learned embedding of its position to each token.

    Args:
        sequence_length: int, the largest number of positions.

    Call arguments:
        inputs: float[batch, length, hidden_dim], `length` at most `sequence_length`.

    Returns:
        float[batch, length, hidden_dim].

    Example:
        >>> layer = PositionEmbedding(40)
        >>> tuple(layer(ops.ones((1, 5, 8))).shape)
        (1, 5, 8)
    """

    def __init__(self, sequence_length: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sequence_length = sequence_length

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.embeddings = self.add_weight(
            shape=(self.sequence_length, input_shape[-1]),
            initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            name="embeddings",
        )
        self.built = True

    def call(self, inputs: Any) -> Any:
        return inputs + self.embeddings[: ops.shape(inputs)[1]]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        # Without this method Keras calls the layer with a length that may exceed `sequence_length`.
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "sequence_length": self.sequence_length}


@keras.saving.register_keras_serializable(_PACKAGE)
class LocalBlock(keras.layers.Layer):
    """A convolution over neighbouring tokens, with pre-norm and a residual connection.

    Attention learns from the position embeddings which tokens are neighbours, and takes most of a short
    pretraining for it. The convolution mixes neighbours from the first step.

    Args:
        width: int, odd, the kernel size in tokens.
        activation: str, activation of the convolution.
        layer_norm_epsilon: float > 0.

    Call arguments:
        inputs: float[batch, length, hidden_dim].
        padding_mask: int32[batch, length], 1 for a token and 0 for padding.

    Returns:
        float[batch, length, hidden_dim].

    Example:
        >>> layer = LocalBlock(3)
        >>> tuple(layer(ops.ones((1, 5, 8)), ops.ones((1, 5), "int32")).shape)
        (1, 5, 8)
    """

    def __init__(
        self, width: int, activation: str = "gelu", layer_norm_epsilon: float = 1e-5, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.width = width
        self.activation = activation
        self.layer_norm_epsilon = layer_norm_epsilon

    def build(self, input_shape: tuple[Any, ...]) -> None:
        shared: dict[str, Any] = {"dtype": self.dtype_policy}
        self.norm = keras.layers.LayerNormalization(epsilon=self.layer_norm_epsilon, name="norm", **shared)
        self.convolution = keras.layers.Conv1D(
            input_shape[-1],
            self.width,
            padding="same",
            activation=self.activation,
            name="convolution",
            **shared,
        )
        self.norm.build(input_shape)
        self.convolution.build(input_shape)
        self.built = True

    def call(self, inputs: Any, padding_mask: Any) -> Any:
        x = self.norm(inputs)
        # Padding is set to zero, as `Conv1D` pads the beginning, so that more padding changes nothing.
        return inputs + self.convolution(x * ops.cast(padding_mask, x.dtype)[:, :, None])

    def compute_output_shape(self, input_shape: tuple[int | None, ...], *_: Any) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "width": self.width,
            "activation": self.activation,
            "layer_norm_epsilon": self.layer_norm_epsilon,
        }


@keras.saving.register_keras_serializable(_PACKAGE)
class DistinctVotes(keras.layers.Layer):
    """Gives every distinct token of a text the same total weight, for a weighted average over tokens.

    For sentiment, the presence of a word says more than its count (Pang et al. 2002).

    Call arguments:
        token_ids: int32[batch, length]. No real token has the id of padding.
        padding_mask: int32[batch, length], 1 for a token and 0 for padding.

    Returns:
        float[batch, length], weights of the tokens. Those of a text add up to 1, and those of padding are 0.

    References:
        Pang et al. 2002, "Thumbs up? Sentiment Classification using Machine Learning Techniques", 6.1.

    Example:
        >>> weights = DistinctVotes()(ops.array([[7, 7, 8, 0]]), ops.array([[1, 1, 1, 0]]))
        >>> ops.convert_to_numpy(weights)[0].tolist()
        [0.25, 0.25, 0.5, 0.0]
    """

    def call(self, token_ids: Any, padding_mask: Any) -> Any:
        same = ops.equal(token_ids[:, :, None], token_ids[:, None, :])  # bool[batch, length, length]
        counts = ops.sum(ops.cast(same, self.compute_dtype), axis=-1)
        votes = ops.cast(padding_mask, self.compute_dtype) / counts
        return votes / ops.sum(votes, axis=-1, keepdims=True)

    def compute_output_shape(self, token_ids_shape: tuple[Any, ...], *_: Any) -> tuple[Any, ...]:
        return token_ids_shape
