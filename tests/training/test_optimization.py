"""The optimizer: whatever computes it, it is Keras's AdamW."""

import keras
import numpy as np
import pytest

from keras_sentiment.training.optimization import FusedAdamW, adamw

pytestmark = pytest.mark.once

SCHEDULE = keras.optimizers.schedules.CosineDecay(1e-3, 30, warmup_target=1e-2, warmup_steps=5)


def trained(optimizer, scale_loss=False):
    """The variables after twenty steps with gradients that are mostly small, some zero."""
    rng = np.random.default_rng(0)
    kernel = keras.Variable(rng.normal(size=(30, 4)).astype("float32"), name="kernel")
    bias = keras.Variable(np.zeros(4, "float32"), name="bias")
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    if scale_loss:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=1.0)
    for step in range(20):
        gradients = [rng.normal(scale=10.0 ** -(step % 8), size=v.shape) for v in (kernel, bias)]
        gradients[0][::3] = 0
        tensors = [keras.ops.convert_to_tensor(gradient, "float32") for gradient in gradients]
        optimizer.apply(tensors, [kernel, bias])
    return [keras.ops.convert_to_numpy(value) for value in (kernel, bias)]


@pytest.mark.parametrize("scale_loss", [False, True])
@pytest.mark.parametrize("learning_rate", [1e-2, SCHEDULE])
def test_steps_are_those_of_keras(learning_rate, scale_loss):
    found = trained(adamw(learning_rate, 0.1, 1e-6), scale_loss)
    expected = trained(keras.optimizers.AdamW(learning_rate, weight_decay=0.1, epsilon=1e-6), scale_loss)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-6)


def test_amsgrad_is_keras_s():
    options = {"weight_decay": 0.1, "amsgrad": True}
    found, expected = trained(FusedAdamW(1e-2, **options)), trained(keras.optimizers.AdamW(1e-2, **options))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-6)


def test_comes_back_from_its_config():
    optimizer = adamw(1e-3, 0.01, 1e-7)
    assert type(optimizer) is FusedAdamW
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(optimizer))
    assert type(copy) is type(optimizer)
    assert copy.get_config() == optimizer.get_config()
