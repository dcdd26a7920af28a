"""The precision in which a model computes. Saved files do not depend on it."""

from __future__ import annotations

import importlib
from typing import Any

import keras

from keras_sentiment.config import PRECISIONS
from keras_sentiment.errors import InputError, require
from keras_sentiment.models.layer_names import FLOAT32_LAYERS


def resolve_precision(name: str) -> str:
    """Returns the Keras dtype policy for a value of `--precision`.

    `"auto"` is `mixed_float16` on a GPU, `mixed_bfloat16` on the torch backend if the CPU has bfloat16
    instructions, and `float32` elsewhere.

    Args:
        name: one of `PRECISIONS`.

    Raises:
        InputError: the name is unknown, or this backend and machine cannot compute in the precision.

    Example:
        >>> resolve_precision("float32")
        'float32'
    """
    require(name in PRECISIONS, "precision", name, f"one of {', '.join(PRECISIONS)}")
    if name == "mixed_float16" and keras.backend.backend() == "jax" and not gpu_available():
        raise InputError("jax cannot compute float16 products on a CPU; give --precision float32")
    if name != "auto":
        return name
    if gpu_available():
        return "mixed_float16"
    if keras.backend.backend() == "torch" and cpu_multiplies_bfloat16():
        return "mixed_bfloat16"
    return "float32"


def gpu_available() -> bool:
    """Returns whether the current Keras backend computes on a GPU."""
    backend: Any = importlib.import_module(keras.backend.backend())
    if keras.backend.backend() == "torch":
        return backend.cuda.is_available()
    if keras.backend.backend() == "jax":
        return backend.default_backend() == "gpu"
    return bool(backend.config.list_physical_devices("GPU"))


def cpu_multiplies_bfloat16() -> bool:
    """Returns whether this CPU has bfloat16 instructions that torch uses."""
    import torch

    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def allow_tf32() -> None:
    """Allows TensorFloat-32 for float32 matrix products on NVIDIA GPUs since Ampere.

    jax and tensorflow allow it by default, so only torch needs the setting.
    """
    if keras.backend.backend() == "torch" and gpu_available():
        import torch

        torch.set_float32_matmul_precision("high")


def precision_of(model: keras.Model) -> str:
    """Returns the dtype policy of a model: that of its layers, apart from `FLOAT32_LAYERS`."""
    for layer in model.layers:
        name = precision_of(layer) if isinstance(layer, keras.Model) else layer.dtype_policy.name
        if name.startswith("mixed"):
            return str(name)
    return "float32"


def with_precision(model: keras.Model, policy: str) -> keras.Model:
    """Returns a copy of a model with another dtype policy.

    The copy has the same weights, and the same layers are trainable.

    Args:
        model: a model of this library.
        policy: `"float32"`, `"mixed_float16"` or `"mixed_bfloat16"`.
    """
    other = type(model).from_config(_with_policy(model.get_config(), policy))
    other.set_weights(model.get_weights())
    _copy_trainable(model, other)
    return other


def _copy_trainable(source: keras.Model, target: keras.Model) -> None:
    """Copies `trainable` layer by layer; a layer's config lacks it for the sublayers that `build` creates."""
    for ours, theirs in zip(source.layers, target.layers, strict=True):
        if isinstance(ours, keras.Model):
            _copy_trainable(ours, theirs)
        else:
            # On tensorflow, setting the present value does not reach the sublayers, so it changes first.
            theirs.trainable = True
            theirs.trainable = ours.trainable


def _with_policy(config: Any, policy: str) -> Any:
    """Returns the config of a model with the policy in all layers except `FLOAT32_LAYERS`.

    It also removes `compile_config`: a part that was trained alone would be saved with its optimizer.
    """
    if isinstance(config, (list, tuple)):
        return type(config)(_with_policy(value, policy) for value in config)
    if not isinstance(config, dict):
        return config
    if config.get("class_name") == "DTypePolicy":
        return {**config, "config": {"name": policy}}
    if config.get("name") in FLOAT32_LAYERS and "dtype" in config:
        return config
    return {key: _with_policy(value, policy) for key, value in config.items() if key != "compile_config"}
