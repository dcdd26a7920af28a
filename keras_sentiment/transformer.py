"""The small Transformer encoder, trained from scratch."""

from __future__ import annotations

from typing import Any

import keras

from keras_sentiment.config import TransformerConfig
from keras_sentiment.dropout import Dropout
from keras_sentiment.layers import DistinctVotes, EncoderBlock, PositionEmbedding
from keras_sentiment.ngrams import with_ngrams


def build_transformer(
    config: TransformerConfig, vocabulary_size: int, sequence_length: int, num_classes: int
) -> keras.Model:
    """Returns an untrained classifier.

    It takes `{"token_ids": int32[batch, length], "padding_mask": int32[batch, length]}` with a length
    of at most `sequence_length`, and returns logits float32[batch, num_classes].
    """
    weights = _initializers(config)
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    padding_mask = keras.Input((None,), dtype="int32", name="padding_mask")
    embedded = keras.layers.Embedding(
        vocabulary_size, config.hidden_dim, weights["embedding"], name="token_embedding"
    )(token_ids)  # [batch, length, hidden_dim]
    x = embedded
    if config.position_embedding:
        x = PositionEmbedding(sequence_length, name="position_embedding")(x)
    x = Dropout(config.embedding_dropout, name="embedding_dropout")(x)
    for i in range(config.num_layers):
        x = EncoderBlock(
            config.num_heads,
            config.intermediate_dim,
            activation=config.activation,
            norm_first=config.norm_first,
            dropout=config.dropout,
            attention_dropout=config.attention_dropout,
            layer_norm_epsilon=config.layer_norm_epsilon,
            kernel_initializer=weights["kernel"],
            bias_initializer=weights["bias"],
            attention_initializer=weights["attention"],
            name=f"block_{i}",
        )(x, padding_mask)
    if config.norm_first:
        x = keras.layers.LayerNormalization(epsilon=config.layer_norm_epsilon, name="final_norm")(x)
    if config.pooling == "distinct":
        votes = DistinctVotes(dtype="float32", name="votes")(token_ids, padding_mask)  # [batch, length]
        pooling = keras.layers.Dot(axes=1, dtype="float32", name="pooling")
        # The embeddings themselves, a bag of words, tell most of a sentiment and memorise least.
        bag = pooling([votes, embedded])  # [batch, hidden_dim]
        x = pooling([votes, x])  # [batch, hidden_dim]
        x = keras.layers.Dropout(config.head_dropout, dtype="float32", name="head_dropout")(x)
        x = keras.layers.Concatenate(dtype="float32", name="pooled")([x, bag])  # [batch, 2 * hidden_dim]
    else:
        x = keras.layers.GlobalAveragePooling1D(dtype="float32", name="pooling")(x)  # [batch, hidden_dim]
        x = keras.layers.Dropout(config.head_dropout, dtype="float32", name="head_dropout")(x)
    logits = keras.layers.Dense(
        num_classes, None, True, weights["kernel"], weights["bias"], dtype="float32", name="logits"
    )(x)
    logits = with_ngrams(config, logits, token_ids, padding_mask, vocabulary_size)
    inputs = {"token_ids": token_ids, "padding_mask": padding_mask}
    return keras.Model(inputs, logits, name="transformer")


def _initializers(config: TransformerConfig) -> dict[str, Any]:
    if config.initializer == "keras":
        kernel = "glorot_uniform"
        return {"embedding": "uniform", "kernel": kernel, "bias": "zeros", "attention": kernel}
    # torch.nn.Embedding draws from N(0, 1), torch.nn.Linear from U(-1/sqrt(fan_in), 1/sqrt(fan_in)), and
    # torch.nn.MultiheadAttention, whose three input projections are one matrix, from Glorot's bounds for it.
    bound = (6 / (4 * config.hidden_dim)) ** 0.5
    return {
        "embedding": keras.initializers.RandomNormal(stddev=1.0),
        "kernel": keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform"),
        "bias": "zeros",
        "attention": keras.initializers.RandomUniform(-bound, bound),
    }
