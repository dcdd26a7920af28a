"""The encoder block of the small Transformer."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_sentiment.models.dropout import Dropout


@keras.saving.register_keras_serializable("keras_sentiment")
class EncoderBlock(keras.layers.Layer):
    """Self-attention and a feed-forward network, each with a residual connection and layer normalization.

    KerasHub's `TransformerEncoder` has one dropout rate, which also applies to the attention scores and
    so excludes fused attention. This layer has a rate of its own for them.

    Args:
        num_heads: int, attention heads. It divides the width of the input.
        intermediate_dim: int, width of the feed-forward network.
        activation: str, activation of the feed-forward network.
        norm_first: bool, whether inputs are normalized (pre-norm) or sums (post-norm).
        dropout: float in [0, 1), rate on both outputs and inside the feed-forward network.
        attention_dropout: float in [0, 1), rate on the attention scores. Only 0 allows fused attention.
        layer_norm_epsilon: float > 0.
        kernel_initializer: initializer of the feed-forward kernels.
        bias_initializer: initializer of the feed-forward biases.
        attention_initializer: initializer of the four kernels of the attention. Their biases start at 0.

    Call arguments:
        inputs: float[batch, length, hidden_dim].
        padding_mask: int32[batch, length], 1 for a token and 0 for padding.
        training: bool, whether dropout is applied.

    Returns:
        float[batch, length, hidden_dim].

    References:
        Vaswani et al. 2017, "Attention Is All You Need".
        Xiong et al. 2020, "On Layer Normalization in the Transformer Architecture" (pre-norm).

    Example:
        >>> block = EncoderBlock(num_heads=2, intermediate_dim=16)
        >>> tuple(block(ops.ones((1, 5, 8)), ops.ones((1, 5), "int32")).shape)
        (1, 5, 8)
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
        # An initializer with a fixed seed draws the same numbers at each call, so each layer gets a clone.
        return keras.layers.Dense(
            units,
            activation,
            kernel_initializer=self.kernel_initializer.clone(),
            bias_initializer=self.bias_initializer.clone(),
            dtype=self.dtype_policy,
            name=name,
        )

    def call(self, inputs: Any, padding_mask: Any, training: bool | None = None) -> Any:
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
