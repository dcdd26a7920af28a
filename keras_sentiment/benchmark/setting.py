"""The device, the precision and the number of threads that all contenders of a task share."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any

DEVICES = ("cpu", "gpu")
_THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
_PRODUCTS = {"float32": "float32", "mixed_bfloat16": "bfloat16", "mixed_float16": "float16"}


@dataclass(frozen=True)
class Setting:
    """The device, precision and threads of all contenders of a task.

    Args:
        device: `"cpu"` or `"gpu"`, which means one GPU.
        precision: a Keras dtype policy. Weights are float32, and matrix products have the compute dtype. On a
            GPU, float32 products may use TensorFloat-32.
        threads: int, the number of cores that each contender may use.

    Example:
        >>> Setting("cpu", "mixed_bfloat16", threads=2).products
        'bfloat16'
    """

    device: str
    precision: str
    threads: int

    @property
    def products(self) -> str:
        """The dtype of matrix products, by torch's name."""
        return _PRODUCTS[self.precision]

    @property
    def torch_device(self) -> str:
        return "cuda" if self.device == "gpu" else "cpu"

    def environment(self, backend: str) -> dict[str, str]:
        """Returns the environment variables of a contender's process; libraries read them at import."""
        found = dict.fromkeys(_THREADS, str(self.threads))
        found["KERAS_BACKEND"] = backend
        if self.device == "cpu":
            return found | {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu", "KERAS_TORCH_DEVICE": "cpu"}
        one = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
        # Processes share the GPU, so none may reserve all of its memory.
        shared = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
        return found | {"CUDA_VISIBLE_DEVICES": one, **shared}


def torch_facts(module: Any, products: Any) -> dict[str, Any]:
    """Returns the device, precision and threads that a torch module uses, with the keys of `Setting`.

    Args:
        module: a `torch.nn.Module`.
        products: the torch dtype of the output of one of its matrix products.
    """
    import torch

    trained = [weight for weight in module.parameters() if weight.requires_grad]
    weights, product = (str(each).removeprefix("torch.") for each in (trained[0].dtype, products))
    mixed = f"mixed_{product}" if weights == "float32" else f"weights in {weights}"
    return {
        "device": "gpu" if trained[0].device.type == "cuda" else trained[0].device.type,
        "precision": product if product == weights == "float32" else mixed,
        "threads": torch.get_num_threads(),
        "trained_parameters": sum(weight.numel() for weight in trained),
    }


def keras_facts(model: Any) -> dict[str, Any]:
    """Returns the device, precision and threads that a Keras model uses, with the keys of `Setting`."""
    import keras

    from keras_sentiment.machine import cores
    from keras_sentiment.models.precision import gpu_available, precision_of

    threads = cores()
    if keras.backend.backend() == "torch":
        import torch

        threads = torch.get_num_threads()
    return {
        "device": "gpu" if gpu_available() else "cpu",
        "precision": precision_of(model),
        "threads": threads,
        "trained_parameters": sum(math.prod(weight.shape) for weight in model.trainable_weights),
    }
