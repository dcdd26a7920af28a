"""The learning rate over time, and what weight decay leaves alone."""

import dataclasses

import keras
import numpy as np
import pytest

from helpers.short_training import rates
from helpers.tiny import TRAINING, build
from keras_sentiment.training.optimization import compile_model


def test_learning_rate_rises_and_falls():
    found = rates(warmup=0.1)
    assert found[3] == pytest.approx(TRAINING.learning_rate)
    assert found[:4] == sorted(found[:4])
    assert found[0] == pytest.approx(0.1 * TRAINING.learning_rate)
    assert found[3:] == sorted(found[3:], reverse=True)
    assert found[-1] == pytest.approx(0, abs=1e-8)
    # Without a warm-up it starts at its peak.
    found = rates(warmup=0.0)
    assert found[0] == pytest.approx(TRAINING.learning_rate)
    assert found == sorted(found, reverse=True)


def test_long_warmup_of_few_steps():
    model = build()
    compile_model(model, dataclasses.replace(TRAINING, warmup=0.9), 2, "float32")
    found = float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))
    assert found == pytest.approx(TRAINING.learning_rate)


def test_constant_learning_rate_stays():
    assert rates(decay="constant") == pytest.approx([TRAINING.learning_rate] * 8)


@pytest.mark.parametrize("decay_bias_and_norm", [False, True])
def test_weight_decay_leaves_biases_and_norms_alone(decay_bias_and_norm):
    model = build()
    model.set_weights([np.ones_like(weight) for weight in model.get_weights()])
    config = dataclasses.replace(
        TRAINING, decay="constant", weight_decay=0.1, decay_bias_and_norm=decay_bias_and_norm
    )
    compile_model(model, config, 10, "float32")
    variables = model.trainable_variables
    # Without a gradient, decay is all that moves a weight.
    zeros = [keras.ops.zeros(variable.shape) for variable in variables]
    model.optimizer.apply(zeros, variables)
    moved = {v.path for v in variables if not np.array_equal(v.numpy(), np.ones(v.shape))}
    spared = {v.path for v in variables if v.name in ("bias", "gamma", "beta")}
    assert spared
    assert moved == {v.path for v in variables} - (set() if decay_bias_and_norm else spared)
