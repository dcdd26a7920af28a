"""In what precision a model computes: chosen for a run and a machine, never part of a saved file."""

from __future__ import annotations

import importlib
from typing import Any

import keras

from keras_sentiment.config import PRECISIONS
from keras_sentiment.errors import InputError, require
from keras_sentiment.models.layer_names import FLOAT32_LAYERS


def resolve_precision(name: str) -> str:
    """Returns the Keras dtype policy that `name` stands for on this backend and machine.

    `"auto"` is `mixed_float16` on a GPU, `mixed_bfloat16` on the torch backend where the CPU multiplies
    bfloat16 in hardware, and `float32` elsewhere.

    Raises:
        InputError: there is none of that name, or the backend cannot compute in it on this machine.
    """
    require(name in PRECISIONS, "precision", name, f"one of {', '.join(PRECISIONS)}")
    if name == "mixed_float16" and keras.backend.backend() == "jax" and not gpu_available():
        raise InputError("jax has no float16 products on a CPU; give --precision float32")
    if name != "auto":
        return name
    if gpu_available():
        return "mixed_float16"
    if keras.backend.backend() == "torch" and cpu_multiplies_bfloat16():
        return "mixed_bfloat16"
    return "float32"


def gpu_available() -> bool:
    """Returns whether the current backend computes on a GPU."""
    backend: Any = importlib.import_module(keras.backend.backend())
    if keras.backend.backend() == "torch":
        return backend.cuda.is_available()
    if keras.backend.backend() == "jax":
        return backend.default_backend() == "gpu"
    return bool(backend.config.list_physical_devices("GPU"))


def cpu_multiplies_bfloat16() -> bool:
    """Returns whether this CPU has instructions for it that torch uses."""
    import torch

    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def allow_tf32() -> None:
    """Lets float32 matrix products on an NVIDIA GPU of the Ampere line or newer use TensorFloat-32.

    jax and tensorflow do so by themselves; elsewhere the setting changes nothing.
    """
    if keras.backend.backend() == "torch" and gpu_available():
        import torch

        torch.set_float32_matmul_precision("high")


def precision_of(model: keras.Model) -> str:
    """Returns the dtype policy that a model and its parts compute in, where they are allowed to."""
    for layer in model.layers:
        name = precision_of(layer) if isinstance(layer, keras.Model) else layer.dtype_policy.name
        if name.startswith("mixed"):
            return str(name)
    return "float32"


def with_precision(model: keras.Model, policy: str) -> keras.Model:
    """Returns the model under another dtype policy, with the same weights and trainable parts.

    Args:
        policy: `"float32"`, `"mixed_float16"` or `"mixed_bfloat16"`.
    """
    other = type(model).from_config(_with_policy(model.get_config(), policy))
    other.set_weights(model.get_weights())
    _copy_trainable(model, other)
    return other


def _copy_trainable(source: keras.Model, target: keras.Model) -> None:
    """Freezes what is frozen in `source`: a config holds it, but not for what a layer creates in `build`."""
    for ours, theirs in zip(source.layers, target.layers, strict=True):
        if isinstance(ours, keras.Model):
            _copy_trainable(ours, theirs)
        else:
            # On tensorflow, setting what is set already does not reach the layers inside.
            theirs.trainable = True
            theirs.trainable = ours.trainable


def _with_policy(config: Any, policy: str) -> Any:
    """Returns a serialized model whose layers have the policy, but for `FLOAT32_LAYERS`.

    A part that was trained by itself leaves its optimizer behind, which would be saved with it.
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
