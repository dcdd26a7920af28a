"""Engines, which compute logits: a Keras model, or an exported graph in onnxruntime or OpenVINO."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from keras_sentiment.data.padding import Rows
from keras_sentiment.errors import InputError
from keras_sentiment.inference.artifact import Artifact
from keras_sentiment.machine import cores


class Engine(Protocol):
    """Maps `{"token_ids", "padding_mask"}`, int32[batch, length], to logits float32[batch, num_classes]."""

    # Whether each shape of the rows is compiled.
    compiles: bool

    def __call__(self, rows: Rows) -> npt.NDArray[np.float32]: ...


class KerasEngine:
    """A Keras model on the current backend."""

    def __init__(self, model: Any) -> None:
        import keras

        self.model = model
        self.compiles = keras.backend.backend() != "torch"

    def __call__(self, rows: Rows) -> npt.NDArray[np.float32]:
        return np.asarray(self.model.predict_on_batch(rows), np.float32)


def threads() -> int:
    """Returns the number of threads for a runtime: the cores of this process, or fewer by OMP_NUM_THREADS.

    By themselves the runtimes would use as many threads as the machine has cores.
    """
    # OMP_NUM_THREADS may be a list, with a number for each level of nesting.
    wanted = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return min(cores(), max(1, int(wanted))) if wanted.isdecimal() else cores()


class OnnxEngine:
    """A graph in onnxruntime, on the CPU."""

    compiles = False

    def __init__(self, artifact: Artifact) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # Warnings quote names in the graph, which could control the terminal; fatal errors are raised.
        options.log_severity_level = 4
        options.intra_op_num_threads = threads()
        # Threads that spin between batches would take cores from the tokenizer and the server.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            str(artifact.graph), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, rows: Rows) -> npt.NDArray[np.float32]:
        return self._session.run(["logits"], rows)[0]


class OpenVinoEngine:
    """A graph in OpenVINO, on the CPU."""

    compiles = False

    def __init__(self, artifact: Artifact) -> None:
        import openvino

        # On CPUs with bfloat16 OpenVINO would use it, and the results would differ from those at export.
        settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads()}
        core = openvino.Core()
        core.set_property({"LOG_LEVEL": "LOG_NONE"})  # its log could quote names in the graph
        self._model = core.compile_model(artifact.graph, "CPU", settings)

    def __call__(self, rows: Rows) -> npt.NDArray[np.float32]:
        return np.array(self._model(rows)["logits"])


_ENGINES: dict[str, tuple[Callable[[Artifact], Engine], str]] = {
    "onnx": (OnnxEngine, "onnxruntime"),
    "onnx_int8": (OnnxEngine, "onnxruntime"),
    "openvino": (OpenVinoEngine, "openvino"),
}


def require_format(artifact: Artifact) -> None:
    """Refuses an artifact whose format can contain any code.

    Raises:
        InputError: it names the formats that can be opened.
    """
    if artifact.format not in _ENGINES:
        raise InputError(
            f"{artifact.path}: opening a {artifact.format} graph runs the code that is in it; give an "
            f"artifact in one of the formats {', '.join(_ENGINES)}, or the run"
        )


def open_engine(artifact: Artifact) -> Engine:
    """Opens the graph of an artifact.

    Raises:
        InputError: its format can contain any code, its runtime is not installed, or its graph can't be read.
    """
    require_format(artifact)
    engine, package = _ENGINES[artifact.format]
    try:
        return engine(artifact)
    except ImportError:
        raise InputError(f"{artifact.path}: its runtime is not installed: pip install {package}") from None
    except Exception as error:  # each runtime raises its own errors
        reason = " ".join(str(error).split())[:200]
        fault = f"{package} can't read the graph ({reason}); export the model again"
        raise InputError(f"{artifact.graph}: {fault}") from error
