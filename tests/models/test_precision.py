"""Precision: its choice for a machine, its change in a model, and loss scaling in float16."""

import keras
import numpy as np
import pytest

from helpers.tiny import TOKENIZER, TRAINING, build
from keras_sentiment.errors import InputError
from keras_sentiment.models import precision
from keras_sentiment.models.precision import resolve_precision, with_precision
from keras_sentiment.training.optimization import compile_model

pytestmark = pytest.mark.filterwarnings("ignore:.*was not adapted")  # these tests train without `adapt_model`

BACKEND = keras.backend.backend()
ROWS = {
    "token_ids": np.random.default_rng(0).integers(5, TOKENIZER.vocabulary_size, (4, 12)).astype("int32"),
    "padding_mask": np.ones((4, 12), "int32"),
}
LABELS = np.array([0, 1, 1, 0], "int32")


def policies(model):
    return {layer.name: layer.dtype_policy.name for layer in model.layers}


def test_the_policy_changes_and_the_weights_do_not():
    model = build()
    other = with_precision(model, "mixed_bfloat16")
    assert other is not model
    for ours, theirs in zip(model.weights, other.weights, strict=True):
        assert ours.path == theirs.path
        assert theirs.dtype == ours.dtype  # the codes of the n-grams are int32
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    found = policies(other)
    assert found["pooling"] == found["logits"] == "float32"
    assert {found[name] for name in found if "block" in name or "embedding" in name} == {"mixed_bfloat16"}
    # The copy computes with fewer digits, but its logits are float32.
    plain, mixed = model.predict_on_batch(ROWS), other.predict_on_batch(ROWS)
    assert mixed.dtype == np.float32
    assert 0 < np.abs(plain - mixed).max() < 0.1


def test_changing_the_policy_back_gives_identical_logits():
    model = build()
    back = with_precision(with_precision(model, "mixed_bfloat16"), "float32")
    assert set(policies(back).values()) == {"float32"}
    np.testing.assert_array_equal(model.predict_on_batch(ROWS), back.predict_on_batch(ROWS))


def test_frozen_layers_stay_frozen():
    model = build()
    for name in ("block_0", "token_embedding"):
        model.get_layer(name).trainable = False
    there = with_precision(model, "mixed_bfloat16")
    back = with_precision(there, "float32")
    expected = [weight.path for weight in model.trainable_weights]
    assert len(expected) < len(model.weights)
    assert [weight.path for weight in there.trainable_weights] == expected
    assert [weight.path for weight in back.trainable_weights] == expected


@pytest.mark.once
@pytest.mark.parametrize(
    ("gpu", "bfloat16", "expected"),
    [
        (True, True, "mixed_float16"),
        (True, False, "mixed_float16"),
        (False, True, "mixed_bfloat16" if BACKEND == "torch" else "float32"),
        (False, False, "float32"),
    ],
)
def test_auto_chooses_the_precision_for_the_machine(monkeypatch, gpu, bfloat16, expected):
    monkeypatch.setattr(precision, "gpu_available", lambda: gpu)
    monkeypatch.setattr(precision, "cpu_multiplies_bfloat16", lambda: bfloat16)
    assert resolve_precision("auto") == expected
    assert resolve_precision("float32") == "float32"


@pytest.mark.once
def test_an_unknown_precision_is_refused():
    with pytest.raises(InputError, match="precision must be one of"):
        resolve_precision("float8")


@pytest.mark.once
def test_auto_reads_the_capabilities_that_torch_reports(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for capabilities, expected in (
        ({}, "float32"),
        ({"avx512_bf16": False, "avx2": True}, "float32"),
        ({"avx512_bf16": True}, "mixed_bfloat16"),
        ({"amx_bf16": True}, "mixed_bfloat16"),
    ):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=capabilities: found)
        assert resolve_precision("auto") == expected
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_precision("auto") == "mixed_float16"


@pytest.mark.once
@pytest.mark.parametrize("gpu", [True, False])
def test_tf32_is_allowed_only_on_a_gpu(monkeypatch, gpu):
    import torch

    calls = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(torch, "set_float32_matmul_precision", calls.append)
    precision.allow_tf32()
    assert calls == (["high"] if gpu else [])


@pytest.mark.xfail(BACKEND == "jax", raises=ValueError, reason="jax cannot compile float16 products on a CPU")
def test_float16_skips_a_step_that_overflows():
    model = with_precision(build(), "mixed_float16")
    compile_model(model, TRAINING, 100, "mixed_float16")
    optimizer = model.optimizer
    assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer)

    def step():
        before = [weight.numpy() for weight in model.trainable_weights]
        model.train_on_batch(ROWS, LABELS)
        assert {weight.dtype for weight in model.trainable_weights} == {"float32"}
        after = [weight.numpy() for weight in model.trainable_weights]
        assert all(np.isfinite(weight).all() for weight in after)
        return [not np.array_equal(a, b) for a, b in zip(before, after, strict=True)]

    step()  # the learning rate starts at 0
    for _ in range(2):
        optimizer.dynamic_scale.assign(256.0)
        moved = step()
    assert all(moved)
    assert float(optimizer.dynamic_scale.numpy()) == 256
    optimizer.dynamic_scale.assign(2.0**60)
    assert not any(step())
    assert float(optimizer.dynamic_scale.numpy()) == 2.0**59
    optimizer.dynamic_scale.assign(256.0)
    assert all(step())


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_the_loss_is_scaled_only_in_float16(policy):
    model = with_precision(build(), policy)
    compile_model(model, TRAINING, 100, policy)
    assert not isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
