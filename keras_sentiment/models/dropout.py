"""Dropout that a CPU draws fast: the one place in a model with a line for a single backend."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable("keras_sentiment")
class Dropout(keras.layers.Dropout):
    """`keras.layers.Dropout`, its mask drawn three times as fast where torch computes on a CPU.

    There torch draws a random number for each element, one after another. 16 bits are enough: the
    rate is met to 1/65536.
    """

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Maps a float tensor to its shape."""
        plain = not training or self.rate in (0, 1) or self.noise_shape is not None or self.seed is not None
        if plain or keras.backend.backend() != "torch" or inputs.device.type != "cpu":
            return super().call(inputs, training=training)
        return _torch_dropout(inputs, self.rate)


def _torch_dropout(inputs: Any, rate: float) -> Any:
    import torch

    count = inputs.numel()
    words = torch.empty(-(-count // 4), dtype=torch.int64).random_(-(2**63), None)  # all of their 64 bits
    bits = words.view(torch.int16)[:count].view(inputs.shape)
    kept = bits >= round(rate * 2**16) - 2**15
    return inputs * kept.to(inputs.dtype).mul_(1 / (1 - rate))
