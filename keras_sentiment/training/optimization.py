"""A model compiled: its loss, its optimizer, its learning rate over time."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_sentiment.config import TrainingConfig
from keras_sentiment.training.optimizer import adamw


def compile_model(
    model: keras.Model,
    config: TrainingConfig,
    steps: int,
    precision: str,
    masked: bool = False,
    weighted: bool = False,
    soft: bool = False,
) -> None:
    """Compiles a model with AdamW and cross-entropy on its logits.

    Args:
        steps: int, of the whole training, over which the learning rate rises and falls.
        precision: its dtype policy; `mixed_float16` scales the loss.
        masked: whether it finds hidden tokens, and each of them comes with a weight.
        weighted: whether the reviews come with a weight.
        soft: whether they come with a probability for each label.
    """
    optimizer = adamw(_learning_rate(config, steps), config.weight_decay, config.epsilon)
    if not config.decay_all:
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    if precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    losses, metrics = keras.losses, keras.metrics
    kind = metrics.CategoricalAccuracy if soft else metrics.SparseCategoricalAccuracy
    accuracy = [kind("accuracy")]
    if masked:
        model.compile(optimizer, hidden_tokens, weighted_metrics=accuracy, auto_scale_loss=False)
    else:
        loss = losses.CategoricalCrossentropy if soft else losses.SparseCategoricalCrossentropy
        measured = {"weighted_metrics" if weighted else "metrics": accuracy}
        model.compile(optimizer, loss(from_logits=True), auto_scale_loss=False, **measured)
    optimizer.build(model.trainable_variables)


def hidden_tokens(tokens: Any, logits: Any) -> Any:
    """Maps int32[batch, masks] and float[batch, masks, vocabulary_size] to cross-entropy, one for each mask.

    On torch Keras's own writes out a one-hot vector for each token, which takes as long as the products.
    """
    logits = ops.cast(logits, "float32")
    chosen = ops.take_along_axis(logits, ops.cast(tokens, "int32")[:, :, None], axis=-1)[:, :, 0]
    return ops.logsumexp(logits, axis=-1) - chosen


def _learning_rate(config: TrainingConfig, steps: int) -> Any:
    if config.decay == "constant":
        return config.learning_rate
    rising = min(round(config.warmup * steps), steps - 1)
    return keras.optimizers.schedules.CosineDecay(
        config.learning_rate / max(rising, 1),
        steps - rising,
        warmup_target=config.learning_rate if rising else None,
        warmup_steps=rising,
    )
