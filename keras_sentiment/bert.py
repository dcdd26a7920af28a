"""A pretrained BERT backbone from KerasHub, all but its last blocks frozen, with a new head."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import keras
import keras_hub
from keras import ops

from keras_sentiment.config import BertConfig, InputError
from keras_sentiment.tokenizer import packaged_minilm


def build_bert(config: BertConfig, sequence_length: int, num_classes: int) -> keras.Model:
    """Returns a classifier with pretrained weights and a new head; frozen parts don't train.

    It takes `{"token_ids": int32[batch, length], "padding_mask": int32[batch, length]}` and returns
    logits float32[batch, num_classes].

    Raises:
        InputError: the preset cannot be had, has fewer blocks than are to train, or fewer positions than
            `sequence_length`.
    """
    backbone = load_backbone(config.preset, config.dropout)
    positions = backbone.get_layer("position_embedding").sequence_length
    if sequence_length > positions:
        raise InputError(
            f"sequence_length must be at most {positions}, the positions that {config.preset} has. "
            f"Received: sequence_length={sequence_length}"
        )
    output = "sequence_output" if config.pooling == "mean" else "pooled_output"
    encoder = keras.Model(backbone.input, backbone.output[output], name="backbone")
    freeze(encoder, config.trainable_blocks)
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    padding_mask = keras.Input((None,), dtype="int32", name="padding_mask")
    inputs = {"token_ids": token_ids, "padding_mask": padding_mask}
    x = encoder({**inputs, "segment_ids": ops.zeros_like(token_ids)})
    if config.pooling == "mean":
        x = keras.layers.GlobalAveragePooling1D(dtype="float32", name="pooling")(x, mask=padding_mask)
        x = keras.layers.Dense(x.shape[-1], "tanh", dtype="float32", name="pooled_dense")(x)
    x = keras.layers.Dropout(config.head_dropout, name="head_dropout")(x)
    logits = keras.layers.Dense(num_classes, dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits, name="bert")


def load_backbone(preset: str, dropout: float) -> keras.Model:
    """Returns the pretrained encoder, with the activation that its weights were trained with.

    Raises:
        InputError: the preset is neither a name that can be loaded nor a BERT folder.
    """
    path = str(packaged_minilm()) if preset == "minilm" else preset
    try:
        backbone = keras_hub.models.BertBackbone.from_preset(path, dropout=dropout)
    except Exception as error:  # KerasHub, its hubs and h5py each raise errors of their own
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(
            f"{preset}: no BERT weights could be loaded from it ({reason}). Give a KerasHub preset (which "
            "needs a network), a local folder, or `minilm`"
        ) from error
    if _wants_exact_gelu(Path(path)):
        return _with_exact_gelu(backbone)
    return backbone


def freeze(encoder: keras.Model, trainable_blocks: int | Literal["all"]) -> None:
    """Lets only the last blocks of an encoder train; `"all"` lets all of it.

    The encoder itself stays trainable: freezing it would freeze what is unfrozen below it.

    Raises:
        InputError: there are not as many blocks.
    """
    if trainable_blocks == "all":
        return
    blocks = [layer for layer in encoder.layers if _is_block(layer)]
    if trainable_blocks > len(blocks):
        raise InputError(
            f"trainable_blocks must be at most {len(blocks)}, the blocks of this BERT, or all. "
            f"Received: trainable_blocks={trainable_blocks}"
        )
    frozen = len(blocks) - trainable_blocks
    for layer in encoder.layers:
        layer.trainable = layer in blocks[frozen:]


def _is_block(layer: keras.layers.Layer) -> bool:
    return isinstance(layer, keras_hub.layers.TransformerEncoder)


def _wants_exact_gelu(folder: Path) -> bool:
    """Whether a Hugging Face folder says so; Google's own weights, as KerasHub has them, do not."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return config.get("hidden_act") == "gelu"


def _with_exact_gelu(backbone: keras.Model) -> keras.Model:
    """Returns the backbone with the error function's GELU instead of KerasHub's tanh approximation."""

    def clone(layer: keras.layers.Layer) -> Any:
        activation = {"activation": "gelu"} if _is_block(layer) else {}
        return type(layer).from_config({**layer.get_config(), **activation})

    exact = keras.models.clone_model(backbone, clone_function=clone)
    exact.set_weights(backbone.get_weights())
    return exact
