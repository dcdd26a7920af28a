"""A classifier of a pretrained BERT backbone from KerasHub and a new head."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Literal

import keras
import keras_hub
from keras import ops

from keras_sentiment.architecture import BackboneConfig
from keras_sentiment.config import AUTO_PRESET, BertConfig
from keras_sentiment.errors import InputError
from keras_sentiment.models.layer_names import LOWER, UPPER
from keras_sentiment.models.ngrams import with_ngrams
from keras_sentiment.storage.json_files import read_object
from keras_sentiment.text.presets import preset_error, require_sizes
from keras_sentiment.text.tokenizer import packaged_minilm


def build_bert(config: BertConfig, sequence_length: int, num_classes: int) -> keras.Model:
    """Returns a BERT classifier with pretrained weights, a new head, and all but its last blocks frozen.

    The model has two parts, each a `keras.Model`. `lower` holds the embeddings and the frozen blocks and
    returns hidden states. `upper` holds the trainable blocks and the head. Call `adapt_model` before `fit`,
    unless `config.ngrams` is 0.

    Args:
        config: hyperparameters. The corpus must have the vocabulary of `config.preset`.
        sequence_length: int, the largest number of tokens per row, as in `InputConfig`.
        num_classes: int, the number of labels.

    Returns:
        A model that maps `{"token_ids": int32[batch, length], "padding_mask": int32[batch, length]}` to
        logits float32[batch, num_classes].

    Raises:
        InputError: the preset cannot be loaded, has fewer blocks than `config.trainable_blocks`, or has fewer
            positions than `sequence_length`.

    References:
        Devlin et al. 2019, "BERT: Pre-training of Deep Bidirectional Transformers".

    Example:
        >>> model = build_bert(BertConfig(preset="minilm"), 128, num_classes=2)
        >>> model.get_layer("lower").trainable
        False
    """
    backbone = load_backbone(config.preset)
    return _classifier(config, backbone, sequence_length, num_classes, copy_weights=True)


def rebuild_bert(
    config: BertConfig,
    architecture: BackboneConfig,
    vocabulary_size: int,
    sequence_length: int,
    num_classes: int,
) -> keras.Model:
    """Returns the classifier of `build_bert` for a backbone of this architecture, with random weights.

    Raises:
        InputError: the backbone has too few blocks or positions, as in `build_bert`.
    """
    values = dataclasses.asdict(architecture)
    activation = values.pop("activation")
    backbone = keras_hub.models.BertBackbone(vocabulary_size, **values, dropout=0.0)
    if activation == "gelu":
        backbone = _with_exact_gelu(backbone, copy_weights=False)
    return _classifier(config, backbone, sequence_length, num_classes, copy_weights=False)


def backbone_config(model: keras.Model) -> BackboneConfig:
    """Returns the architecture of the backbone of a classifier."""
    lower, upper = model.get_layer(LOWER), model.get_layer(UPPER)
    blocks = [*_blocks(lower), *_blocks(upper)]
    exact = blocks[0].activation is keras.activations.gelu
    return BackboneConfig(
        num_layers=len(blocks),
        num_heads=blocks[0].num_heads,
        hidden_dim=lower.get_layer("token_embedding").output_dim,
        intermediate_dim=blocks[0].intermediate_dim,
        max_sequence_length=lower.get_layer("position_embedding").sequence_length,
        num_segments=lower.get_layer("segment_embedding").input_dim,
        activation="gelu" if exact else "gelu_approximate",
    )


def _classifier(
    config: BertConfig,
    backbone: keras.Model,
    sequence_length: int,
    num_classes: int,
    copy_weights: bool,
) -> keras.Model:
    """Returns the classifier of a backbone; `copy_weights` keeps the weights of a backbone that is cloned."""
    positions = backbone.get_layer("position_embedding").sequence_length
    blocks = _blocks(backbone)
    require_sizes(config, sequence_length, len(blocks), positions)
    frozen = 0 if config.trainable_blocks == "all" else len(blocks) - config.trainable_blocks
    if config.dropout:
        backbone = _with_dropout(backbone, config.dropout, config.trainable_blocks, copy_weights)
        blocks = _blocks(backbone)
    top = blocks[frozen - 1] if frozen else backbone.get_layer("embeddings_dropout")
    lower = keras.Model(backbone.input, top.output, name=LOWER)
    lower.trainable = config.trainable_blocks == "all"
    upper = _upper(config, backbone, blocks[frozen:], top.output.shape[-1], num_classes)
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    padding_mask = keras.Input((None,), dtype="int32", name="padding_mask")
    inputs = {"token_ids": token_ids, "padding_mask": padding_mask}
    hidden_states = lower({**inputs, "segment_ids": ops.zeros_like(token_ids)})
    logits = upper({**inputs, "hidden_states": hidden_states})
    return keras.Model(inputs, logits, name="bert")


def _upper(
    config: BertConfig,
    backbone: keras.Model,
    blocks: list[keras.layers.Layer],
    hidden_dim: int,
    num_classes: int,
) -> keras.Model:
    """Returns the upper part: it maps hidden states float[batch, length, hidden_dim] to logits."""
    hidden_states = keras.Input((None, hidden_dim), name="hidden_states")
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    padding_mask = keras.Input((None,), dtype="int32", name="padding_mask")
    x = hidden_states
    for block in blocks:
        x = block(x, padding_mask=padding_mask)
    if config.pooling == "mean":
        x = keras.layers.GlobalAveragePooling1D(dtype="float32", name="pooling")(x, mask=padding_mask)
        x = keras.layers.Dense(x.shape[-1], "tanh", dtype="float32", name="pooled_dense")(x)
    else:
        pooler = backbone.get_layer("pooled_dense")
        pooler.trainable = config.trainable_blocks == "all"
        x = pooler(x[:, 0])  # [batch, hidden_dim]
    x = keras.layers.Dropout(config.head_dropout, name="head_dropout")(x)
    logits = keras.layers.Dense(num_classes, dtype="float32", name="logits")(x)
    vocabulary_size = backbone.get_layer("token_embedding").input_dim
    logits = with_ngrams(config, logits, token_ids, padding_mask, vocabulary_size)
    inputs = {"hidden_states": hidden_states, "token_ids": token_ids, "padding_mask": padding_mask}
    return keras.Model(inputs, logits, name=UPPER)


def load_backbone(preset: str) -> keras.Model:
    """Returns a pretrained BERT without dropout, with the GELU that its weights were trained with.

    Args:
        preset: a KerasHub preset, a local folder in KerasHub or Hugging Face layout, or `"minilm"`.

    Raises:
        InputError: KerasHub cannot load the preset.
    """
    if preset == AUTO_PRESET:
        raise InputError("preset auto stands for the preset of a corpus; name one here, such as minilm")
    path = str(packaged_minilm()) if preset == "minilm" else preset
    try:
        backbone = keras_hub.models.BertBackbone.from_preset(path, dropout=0.0)
    except Exception as error:  # KerasHub, its hubs and h5py each raise errors of their own
        raise preset_error(preset, error) from error
    if _uses_exact_gelu(Path(path)):
        # KerasHub's default is the approximation of GELU by tanh.
        return _with_exact_gelu(backbone, copy_weights=True)
    return backbone


def _with_exact_gelu(backbone: keras.Model, copy_weights: bool) -> keras.Model:
    changes = {block.name: {"activation": "gelu"} for block in _blocks(backbone)}
    return _clone_with(backbone, changes, copy_weights)


def _blocks(backbone: keras.Model) -> list[keras.layers.Layer]:
    return [layer for layer in backbone.layers if isinstance(layer, keras_hub.layers.TransformerEncoder)]


def _uses_exact_gelu(folder: Path) -> bool:
    """Returns whether the config of a Hugging Face folder names the exact GELU; KerasHub's presets do not."""
    try:
        return read_object(folder / "config.json").get("hidden_act") == "gelu"
    except InputError:
        return False


def _with_dropout(
    backbone: keras.Model,
    rate: float,
    trainable_blocks: int | Literal["all"],
    copy_weights: bool,
) -> keras.Model:
    """Returns a clone of the backbone with dropout in its trainable layers.

    Frozen layers get no dropout: so their output for a text is always the same, and attention stays fused.
    """
    blocks = [block.name for block in _blocks(backbone)]
    if trainable_blocks == "all":
        changes = {name: {"dropout": rate} for name in blocks}
        return _clone_with(backbone, changes | {"embeddings_dropout": {"rate": rate}}, copy_weights)
    trained = blocks[len(blocks) - trainable_blocks :]
    return _clone_with(backbone, {name: {"dropout": rate} for name in trained}, copy_weights)


def _clone_with(
    backbone: keras.Model,
    changes: dict[str, dict[str, Any]],
    copy_weights: bool,
) -> keras.Model:
    """Returns a clone of the backbone; `changes` has new arguments for layers by name."""

    def clone(layer: keras.layers.Layer) -> Any:
        return type(layer).from_config({**layer.get_config(), **changes.get(layer.name, {})})

    other = keras.models.clone_model(backbone, clone_function=clone)
    if copy_weights:
        other.set_weights(backbone.get_weights())
    return other
