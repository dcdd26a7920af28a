"""Dropout: its rate, its scaling, its random numbers, and inference."""

import keras
import numpy as np
import pytest

from keras_sentiment.models import dropout
from keras_sentiment.models.dropout import Dropout

SHAPE = (50, 40, 7)  # 14,000 elements; four share a 64-bit number, and 7 is no multiple of 4


@pytest.fixture(autouse=True)
def seeded():
    keras.utils.set_random_seed(5)


def dropped(layer, shape=SHAPE):
    return keras.ops.convert_to_numpy(layer(np.ones(shape, "float32"), training=True))


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_each_quarter_of_a_random_number_meets_the_rate(rate):
    found = dropped(Dropout(rate))
    np.testing.assert_allclose(found[found != 0], 1 / (1 - rate), rtol=1e-5)
    shares = (found.reshape(-1, 4) == 0).mean(axis=0)
    # Five standard errors of a share of 3,500 elements.
    np.testing.assert_allclose(shares, rate, atol=5 * (rate * (1 - rate) / 3500) ** 0.5)


def test_elements_are_dropped_independently():
    zeros = dropped(Dropout(0.5), (4000, 8)) == 0
    np.testing.assert_allclose(np.corrcoef(zeros, rowvar=False), np.eye(8), atol=0.08)


def test_calls_differ_and_a_seed_repeats_them():
    layer = Dropout(0.5)
    first, second = dropped(layer), dropped(layer)
    assert (first != second).mean() > 0.4
    if keras.backend.backend() == "torch":  # the other backends keep the state of the generator in the layer
        keras.utils.set_random_seed(5)
        np.testing.assert_array_equal(dropped(layer), first)


@pytest.mark.parametrize(("rate", "training"), [(0.5, False), (0.0, True)])
def test_inference_and_rate_0_change_nothing(rate, training):
    ones = np.ones((3, 5), "float32")
    np.testing.assert_array_equal(Dropout(rate)(ones, training=training), ones)


def test_noise_shape_and_seed_are_kept():
    found = dropped(Dropout(0.5, noise_shape=(None, 1, None)))
    np.testing.assert_array_equal(found, np.broadcast_to(found[:, :1], found.shape))
    np.testing.assert_array_equal(dropped(Dropout(0.5, seed=3)), dropped(Dropout(0.5, seed=3)))


@pytest.mark.once
def test_dropped_elements_have_no_gradient():
    import torch

    inputs = torch.ones(SHAPE, requires_grad=True)
    outputs = Dropout(0.3)(inputs, training=True)
    outputs.sum().backward()
    np.testing.assert_array_equal(inputs.grad.numpy(), outputs.detach().numpy())


@pytest.mark.once
def test_torch_on_a_cpu_uses_the_fast_mask(monkeypatch):
    taken = []
    monkeypatch.setattr(dropout, "_torch_dropout", lambda inputs, rate: taken.append(rate) or inputs)
    ones = np.ones((3, 5), "float32")
    Dropout(0.25)(ones, training=True)
    assert taken == [0.25]
    for layer in (Dropout(0.0), Dropout(1.0), Dropout(0.5, seed=3), Dropout(0.5, noise_shape=(None, 1))):
        layer(ones, training=True)
    Dropout(0.5)(ones, training=False)
    assert taken == [0.25]


def test_the_output_has_the_compute_dtype():
    outputs = Dropout(0.5, dtype="mixed_bfloat16")(np.ones((3, 3), "float32"), training=True)
    assert keras.backend.standardize_dtype(outputs.dtype) == "bfloat16"
    assert tuple(outputs.shape) == (3, 3)


def test_the_layer_is_restored_from_its_config():
    layer = Dropout(0.25, name="some")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(copy) is Dropout
    assert copy.get_config() == layer.get_config()
