"""AdamW, fast where torch computes on a CPU."""

from __future__ import annotations

from typing import Any

import keras


def adamw(learning_rate: Any, weight_decay: float, epsilon: float) -> keras.optimizers.Optimizer:
    """Returns `keras.optimizers.AdamW`, or its equal that is fast on this machine.

    Args:
        learning_rate: float > 0, or a schedule.
    """
    torch_on_cpu = keras.backend.backend() == "torch" and keras.ops.zeros(1).device.type == "cpu"
    kind = FusedAdamW if torch_on_cpu else keras.optimizers.AdamW
    return kind(learning_rate, weight_decay=weight_decay, epsilon=epsilon)


@keras.saving.register_keras_serializable("keras_sentiment")
class FusedAdamW(keras.optimizers.AdamW):
    """`keras.optimizers.AdamW` by torch's fused kernel.

    Keras passes ten times over each variable, and of the small Transformer's four million weights nearly
    all are embeddings: that took a sixth of a step.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Updates a variable and its moments in one pass; Keras has applied the weight decay."""
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
