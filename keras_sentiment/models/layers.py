"""The blocks of the small Transformer: KerasHub's put dropout on attention scores, and import TensorFlow."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

import keras
from keras import ops

from keras_sentiment.models.dropout import Dropout

_PACKAGE = "keras_sentiment"


def register_layers() -> None:
    """Registers the layers of this library and KerasHub's, so that `keras.saving.load_model` finds them.

    It imports Keras, KerasHub and so TensorFlow. Keras builds whatever a file describes: a run that is not
    yours is better opened with `load`, which builds the model itself and reads weights alone.

    Example:
        >>> register_layers()
        >>> model = keras.saving.load_model("runs/films/model.keras")
        >>> model.name
        'transformer'
    """
    # Importing a module registers what it defines.
    for module in ("keras_sentiment.models.ngrams", "keras_hub"):
        importlib.import_module(module)


def warn_unless_adapted(layer: Any, consequence: str) -> None:
    """Warns where a layer trains that should have been fitted to the train reviews before."""
    if not layer.adapted:
        warnings.warn(
            f"{layer.name} was not adapted to the train reviews, so {consequence}. "
            "Call keras_sentiment.adapt_model(model, train) before model.fit.",
            stacklevel=2,
        )


@keras.saving.register_keras_serializable(_PACKAGE)
class TokenEmbedding(keras.layers.ReversibleEmbedding):
    """Token embeddings that start from the train reviews; `training.adaptation` fits them.

    Args:
        adapted: whether they have been, or start from elsewhere.
    """

    def __init__(self, *args: Any, adapted: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.adapted = adapted

    def call(self, inputs: Any, reverse: bool = False, training: bool | None = None) -> Any:
        """Maps int32[batch, length] to float[batch, length, hidden_dim]; `reverse` maps back, to logits."""
        if training:
            warn_unless_adapted(self, "the token embeddings start from chance")
        return super().call(inputs, reverse=reverse)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "adapted": self.adapted}


@keras.saving.register_keras_serializable(_PACKAGE)
class PositionEmbedding(keras.layers.Layer):
    """Adds a learned embedding of its position to each token.

    Args:
        sequence_length: int, the most positions.
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
        """Maps float[batch, length, hidden_dim] to the same shape."""
        return inputs + self.embeddings[: ops.shape(inputs)[1]]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the input's shape; Keras would find it out with a length that may be too long."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "sequence_length": self.sequence_length}


@keras.saving.register_keras_serializable(_PACKAGE)
class LocalBlock(keras.layers.Layer):
    """A convolution over neighbouring tokens, with a residual connection.

    Attention has to find out from the positions which tokens are neighbours, which takes it most of a short
    pretraining; here they meet from the first step on.

    Args:
        width: int, odd, tokens that meet.
        activation: str.
        layer_norm_epsilon: float > 0.
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
        """Maps float[batch, length, hidden_dim] and int32[batch, length] to the inputs' shape."""
        x = self.norm(inputs)
        # Behind the last token comes nothing, as before the first: no padding.
        return inputs + self.convolution(x * ops.cast(padding_mask, x.dtype)[:, :, None])

    def compute_output_shape(self, input_shape: tuple[int | None, ...], *_: Any) -> tuple[int | None, ...]:
        """Returns the input's shape."""
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
    """Gives each distinct token of a text one vote: its occurrences share it.

    For sentiment the presence of a word tells more than its count (Pang et al. 2002, "Thumbs up?
    Sentiment Classification using Machine Learning Techniques", section 6.1).
    """

    def call(self, token_ids: Any, padding_mask: Any) -> Any:
        """Maps two int32[batch, length] to votes float[batch, length] that add up to 1, padding's to 0.

        Padding has an id that no token has.
        """
        alike = ops.equal(token_ids[:, :, None], token_ids[:, None, :])  # bool[batch, length, length]
        counts = ops.sum(ops.cast(alike, self.compute_dtype), axis=-1)
        votes = ops.cast(padding_mask, self.compute_dtype) / counts
        return votes / ops.sum(votes, axis=-1, keepdims=True)

    def compute_output_shape(self, token_ids_shape: tuple[Any, ...], *_: Any) -> tuple[Any, ...]:
        """Returns the input's shape."""
        return token_ids_shape


@keras.saving.register_keras_serializable(_PACKAGE)
class EncoderBlock(keras.layers.Layer):
    """Self-attention and a feed-forward layer, each with a residual connection (Vaswani et al. 2017).

    Args:
        num_heads: int, divides the width of the input.
        intermediate_dim: int, width of the feed-forward layer.
        activation: str, of the feed-forward layer.
        norm_first: bool, pre-norm (Xiong et al. 2020) or post-norm.
        dropout: float in [0, 1), on the output of both parts and within the feed-forward layer.
        attention_dropout: float in [0, 1), on attention scores; 0 takes the backend's fused attention.
        layer_norm_epsilon: float > 0.
        kernel_initializer, bias_initializer: of the feed-forward layer.
        attention_initializer: of the four projections of the attention; their biases start at 0.
    """

    def __init__(
        self,
        num_heads: int,
        intermediate_dim: int,
        activation: str = "gelu",
        norm_first: bool = True,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        layer_norm_epsilon: float = 1e-5,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        attention_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.intermediate_dim = intermediate_dim
        self.activation = activation
        self.norm_first = norm_first
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.layer_norm_epsilon = layer_norm_epsilon
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.attention_initializer = keras.initializers.get(attention_initializer)

    def build(self, input_shape: tuple[Any, ...]) -> None:
        hidden_dim = input_shape[-1]
        shared: dict[str, Any] = {"dtype": self.dtype_policy}
        self.attention = keras.layers.MultiHeadAttention(
            self.num_heads,
            hidden_dim // self.num_heads,
            dropout=self.attention_dropout,
            kernel_initializer=self.attention_initializer,
            name="attention",
            **shared,
        )
        self.intermediate = self._dense(self.intermediate_dim, "intermediate", self.activation)
        self.output_dense = self._dense(hidden_dim, "output_dense")
        norm = {"epsilon": self.layer_norm_epsilon, **shared}
        self.attention_norm = keras.layers.LayerNormalization(name="attention_norm", **norm)
        self.feedforward_norm = keras.layers.LayerNormalization(name="feedforward_norm", **norm)
        self.dropout_layer = Dropout(self.dropout, name="dropout", **shared)
        self.attention.build(input_shape, input_shape)
        self.intermediate.build(input_shape)
        self.output_dense.build((*input_shape[:-1], self.intermediate_dim))
        self.attention_norm.build(input_shape)
        self.feedforward_norm.build(input_shape)
        self.built = True

    def _dense(self, units: int, name: str, activation: str | None = None) -> keras.layers.Dense:
        # An initializer draws the same numbers each time: each layer gets one of its own.
        return keras.layers.Dense(
            units,
            activation,
            kernel_initializer=self.kernel_initializer.clone(),
            bias_initializer=self.bias_initializer.clone(),
            dtype=self.dtype_policy,
            name=name,
        )

    def call(self, inputs: Any, padding_mask: Any, training: bool | None = None) -> Any:
        """Maps float[batch, length, hidden_dim] and int32[batch, length] to the inputs' shape."""
        mask = ops.cast(padding_mask, "bool")[:, None, :]  # bool[batch, 1, length]
        x = inputs
        if self.norm_first:
            x = x + self._attend(self.attention_norm(x), mask, training)
            return x + self._feed_forward(self.feedforward_norm(x), training)
        x = self.attention_norm(x + self._attend(x, mask, training))
        return self.feedforward_norm(x + self._feed_forward(x, training))

    def _attend(self, x: Any, mask: Any, training: bool | None) -> Any:
        attended = self.attention(x, x, attention_mask=mask, training=training)
        return self.dropout_layer(attended, training=training)

    def _feed_forward(self, x: Any, training: bool | None) -> Any:
        x = self.dropout_layer(self.intermediate(x), training=training)
        return self.dropout_layer(self.output_dense(x), training=training)

    def compute_output_shape(self, input_shape: tuple[int | None, ...], *_: Any) -> tuple[int | None, ...]:
        """Returns the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "intermediate_dim": self.intermediate_dim,
            "activation": self.activation,
            "norm_first": self.norm_first,
            "dropout": self.dropout,
            "attention_dropout": self.attention_dropout,
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "attention_initializer": keras.initializers.serialize(self.attention_initializer),
        }
