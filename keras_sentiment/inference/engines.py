"""What computes logits: a Keras model, or an exported graph in a runtime of its own."""

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

    # Whether each shape costs a compilation.
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
    """Returns how many threads a runtime is given: one a core, where runtimes count those of the machine.

    OMP_NUM_THREADS can lower it, as for libraries that use OpenMP.
    """
    # A list has a number for each level of nesting.
    wanted = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return min(cores(), max(1, int(wanted))) if wanted.isdecimal() else cores()


class OnnxEngine:
    """A graph in onnxruntime, on the CPU."""

    compiles = False

    def __init__(self, artifact: Artifact) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # Its warnings quote names in the graph, which a terminal would obey; what is fatal it raises.
        options.log_severity_level = 4
        options.intra_op_num_threads = threads()
        # Threads that spin between batches take the cores from the tokenizer and the server.
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

        # Where the CPU has bfloat16 OpenVINO would compute in it, and not give what was checked.
        settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads()}
        core = openvino.Core()
        core.set_property({"LOG_LEVEL": "LOG_NONE"})  # which could quote names in the graph
        self._model = core.compile_model(artifact.graph, "CPU", settings)

    def __call__(self, rows: Rows) -> npt.NDArray[np.float32]:
        return np.array(self._model(rows)["logits"])


_ENGINES: dict[str, tuple[Callable[[Artifact], Engine], str]] = {
    "onnx": (OnnxEngine, "onnxruntime"),
    "onnx_int8": (OnnxEngine, "onnxruntime"),
    "openvino": (OpenVinoEngine, "openvino"),
}


def require_format(artifact: Artifact) -> None:
    """Refuses an artifact whose graph is code of the one who made it.

    Raises:
        InputError: with the formats that are opened.
    """
    if artifact.format not in _ENGINES:
        raise InputError(
            f"{artifact.path}: opening a {artifact.format} graph runs the code that is in it; give an "
            f"artifact in one of {', '.join(_ENGINES)}, or the run"
        )


def open_engine(artifact: Artifact) -> Engine:
    """Opens the graph of an artifact.

    Raises:
        InputError: its format runs code of the one who made it, so it's not opened here; its runtime is
            not installed; its graph can't be read.
    """
    require_format(artifact)
    engine, package = _ENGINES[artifact.format]
    try:
        return engine(artifact)
    except ImportError:
        raise InputError(f"{artifact.path}: its runtime is not installed: pip install {package}") from None
    except Exception as error:  # each runtime raises errors of its own
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{artifact.graph}: {package} can't read it ({reason}); export it again") from error
