"""The small Transformer encoder, trained from scratch."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_sentiment.config import MaskedLMConfig, TransformerConfig
from keras_sentiment.errors import InputError
from keras_sentiment.models.dropout import Dropout
from keras_sentiment.models.encoder_block import EncoderBlock
from keras_sentiment.models.layers import (
    DistinctVotes,
    LocalBlock,
    PositionEmbedding,
    TokenEmbedding,
)
from keras_sentiment.models.ngrams import with_ngrams


def build_transformer(
    config: TransformerConfig, vocabulary_size: int, sequence_length: int, num_classes: int
) -> keras.Model:
    """Returns the small Transformer encoder as an untrained classifier.

    Call `adapt_model` before `fit`, unless `config.ngrams` is 0 and `config.cooccurrence` is false.

    Args:
        config: hyperparameters.
        vocabulary_size: int, the vocabulary size of the corpus's tokenizer.
        sequence_length: int, the largest number of tokens per row, as in `InputConfig`.
        num_classes: int, the number of labels.

    Returns:
        A model that maps `{"token_ids": int32[batch, length], "padding_mask": int32[batch, length]}` to
        logits float32[batch, num_classes]. `length` is at most `sequence_length`.

    References:
        Vaswani et al. 2017, "Attention Is All You Need".

    Example:
        >>> vocabulary_size = corpus.tokenizer().vocabulary_size
        >>> model = build_transformer(TransformerConfig(), vocabulary_size, 128, num_classes=2)
        >>> model.output.shape
        (None, 2)
    """
    weights = _initializers(config)
    inputs = _inputs()
    token_ids, padding_mask = inputs["token_ids"], inputs["padding_mask"]
    x, embedded, _ = _encoded(config, vocabulary_size, sequence_length, **inputs)
    if config.pooling == "distinct":
        votes = DistinctVotes(dtype="float32", name="votes")(token_ids, padding_mask)  # [batch, length]
        pooling = keras.layers.Dot(axes=1, dtype="float32", name="pooling")
        # The average of the embeddings is a bag of words: it says most of the sentiment and overfits least.
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
    return keras.Model(inputs, logits, name="transformer")


def build_masked_lm(config: MaskedLMConfig, vocabulary_size: int, sequence_length: int) -> keras.Model:
    """Returns the small Transformer encoder as an untrained masked language model.

    The output layer shares the weights of the token embeddings.

    Args:
        config: hyperparameters.
        vocabulary_size: int, the vocabulary size of the corpus's tokenizer.
        sequence_length: int, the largest number of tokens per row.

    Returns:
        A model that maps the inputs of a classifier and `mask_positions`, int32[batch, masks], to logits
        float32[batch, masks, vocabulary_size].

    References:
        Devlin et al. 2019, "BERT: Pre-training of Deep Bidirectional Transformers", section 3.1.
    """
    inputs = _inputs()
    x, _, embedding = _encoded(config, vocabulary_size, sequence_length, **inputs)
    # `encoder_of` finds the output of the encoder by the name of this layer.
    x = keras.layers.Identity(name="encoded")(x)
    positions = keras.Input((None,), dtype="int32", name="mask_positions")
    x = ops.take_along_axis(x, positions[:, :, None], axis=1)  # [batch, masks, hidden_dim]
    x = keras.layers.Dense(config.hidden_dim, config.activation, name="masked_dense")(x)
    x = keras.layers.LayerNormalization(epsilon=config.layer_norm_epsilon, name="masked_norm")(x)
    logits = embedding(x, reverse=True)
    return keras.Model({**inputs, "mask_positions": positions}, logits, name="masked_lm")


def encoder_of(masked_lm: keras.Model) -> keras.Model:
    """Returns the encoder of a masked language model, with shared weights."""
    inputs = {name: masked_lm.input[name] for name in ("token_ids", "padding_mask")}
    return keras.Model(inputs, masked_lm.get_layer("encoded").input, name="encoder")


def load_encoder_weights(model: keras.Model, encoder: keras.Model) -> None:
    """Copies the weights of a pretrained encoder into a classifier.

    Raises:
        InputError: the encoder has other layers than the classifier, or layers of other sizes.
    """
    try:
        for layer in encoder.layers:
            if layer.weights:
                model.get_layer(layer.name).set_weights(layer.get_weights())
        model.get_layer("token_embedding").adapted = True
    except ValueError as error:
        reason = next(iter(str(error).splitlines()), "")
        raise InputError(f"pretrained: its encoder does not fit this model ({reason:.200})") from None


def _inputs() -> dict[str, Any]:
    names = ("token_ids", "padding_mask")
    return {name: keras.Input((None,), dtype="int32", name=name) for name in names}


def _encoded(
    config: TransformerConfig, vocabulary_size: int, sequence_length: int, token_ids: Any, padding_mask: Any
) -> tuple[Any, Any, keras.layers.Layer]:
    """Returns the encoder's output, the token embeddings, and the layer of the embeddings.

    Both tensors are float[batch, length, hidden_dim].
    """
    weights = _initializers(config)
    embedding = TokenEmbedding(
        vocabulary_size,
        config.hidden_dim,
        embeddings_initializer=weights["embedding"],
        adapted=not config.cooccurrence,
        name="token_embedding",
    )
    embedded = embedding(token_ids)  # [batch, length, hidden_dim]
    x = embedded
    if config.position_embedding:
        x = PositionEmbedding(sequence_length, name="position_embedding")(x)
    if config.conv_kernel_size:
        x = LocalBlock(
            config.conv_kernel_size, config.activation, config.layer_norm_epsilon, name="local_block"
        )(x, padding_mask)
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
    return x, embedded, embedding


def _initializers(config: TransformerConfig) -> dict[str, Any]:
    if config.initializer == "keras":
        kernel = "glorot_uniform"
        return {"embedding": "uniform", "kernel": kernel, "bias": "zeros", "attention": kernel}
    # The defaults of torch: N(0, 1) in torch.nn.Embedding, U(-1/sqrt(fan_in), 1/sqrt(fan_in)) in
    # torch.nn.Linear, and Glorot's bounds for the joint matrix of torch.nn.MultiheadAttention's projections.
    bound = (6 / (4 * config.hidden_dim)) ** 0.5
    return {
        "embedding": keras.initializers.RandomNormal(stddev=1.0),
        "kernel": keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform"),
        "bias": "zeros",
        "attention": keras.initializers.RandomUniform(-bound, bound),
    }
