"""Compiling a model: loss, optimizer and learning rate schedule."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_sentiment.training_config import TrainingConfig


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
        steps: int, of the whole training, for the learning rate schedule.
        precision: its dtype policy; `mixed_float16` scales the loss.
        masked: whether the model predicts masked tokens, each with a weight.
        weighted: whether each review has a weight.
        soft: whether each review has a probability for each label.
    """
    optimizer = adamw(_learning_rate(config, steps), config.weight_decay, config.epsilon)
    if not config.decay_bias_and_norm:
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    if precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    losses, metrics = keras.losses, keras.metrics
    kind = metrics.CategoricalAccuracy if soft else metrics.SparseCategoricalAccuracy
    accuracy = [kind("accuracy")]
    if masked:
        model.compile(optimizer, masked_lm_loss, weighted_metrics=accuracy, auto_scale_loss=False)
    else:
        loss = losses.CategoricalCrossentropy if soft else losses.SparseCategoricalCrossentropy
        measured = {"weighted_metrics" if weighted else "metrics": accuracy}
        model.compile(optimizer, loss(from_logits=True), auto_scale_loss=False, **measured)
    optimizer.build(model.trainable_variables)


def masked_lm_loss(tokens: Any, logits: Any) -> Any:
    """Maps int32[batch, masks] and float[batch, masks, vocabulary_size] to cross-entropy, one for each mask.

    On torch, Keras's own loss builds a one-hot vector for each token, which takes as long as the matrix
    products.
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


def adamw(learning_rate: Any, weight_decay: float, epsilon: float) -> keras.optimizers.Optimizer:
    """Returns `keras.optimizers.AdamW`, or on torch on a CPU the equivalent and faster `FusedAdamW`.

    Args:
        learning_rate: float > 0, or a schedule.
    """
    torch_on_cpu = keras.backend.backend() == "torch" and keras.ops.zeros(1).device.type == "cpu"
    kind = FusedAdamW if torch_on_cpu else keras.optimizers.AdamW
    return kind(learning_rate, weight_decay=weight_decay, epsilon=epsilon)


@keras.saving.register_keras_serializable("keras_sentiment")
class FusedAdamW(keras.optimizers.AdamW):
    """`keras.optimizers.AdamW` with torch's fused kernel.

    Keras makes ten passes over each variable, which took a sixth of a step of the small Transformer.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Updates a variable and its moments in one pass, after Keras has applied the weight decay."""
        if self.amsgrad:
            return super().update_step(gradient, variable, learning_rate)
        import torch
        from torch.optim.adamw import adamw as fused_adamw

        index, step = self._get_variable_index(variable), int(self.iterations) + 1
        # Keras adds epsilon before it corrects the second moment's bias, torch after.
        epsilon = self.epsilon / (1 - self.beta_2**step) ** 0.5
        fused_adamw(
            [variable.value],
            [gradient],
            [self._momentums[index].value],
            [self._velocities[index].value],
            [],
            [torch.tensor(float(step - 1))],  # the kernel counts up
            fused=True,
            amsgrad=False,
            beta1=self.beta_1,
            beta2=self.beta_2,
            lr=float(learning_rate),
            weight_decay=0.0,
            eps=epsilon,
            maximize=False,
        )
        return None
