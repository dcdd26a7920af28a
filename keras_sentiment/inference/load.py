"""Opening a trained model: a run on the current Keras backend, or an artifact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from keras_sentiment.data.padding import Rows
from keras_sentiment.errors import InputError
from keras_sentiment.inference.artifact import Artifact, is_artifact, open_artifact
from keras_sentiment.inference.classifier import Classifier, check_logits
from keras_sentiment.inference.engines import KerasEngine
from keras_sentiment.runs.run import Run, open_run
from keras_sentiment.runs.run_files import CONFIG_FILE, MODEL_FILE

CHECKED_TOKENS = 64


def load(path: str | Path | Run | Artifact, precision: str = "float32", windows: bool = False) -> Classifier:
    """Opens a trained run on the current Keras backend, or an artifact.

    Args:
        path: the folder of a run or an artifact, or what `train` and `export` return.
        precision: of the Keras model of a run: `"float32"`, `"mixed_float16"`, `"mixed_bfloat16"`, or
            `"auto"` for the fastest on this machine. An artifact keeps the precision of its export.
        windows: bool, whether a text that is too long for a row is read in overlapping windows and not cut.

    Raises:
        InputError: there is no run or artifact at `path`, it can't be read, its runtime is not installed, or
            the machine does not have that precision.

    Example:
        >>> classifier = load("runs/films")
        >>> [result["label"] for result in classifier.predict(["good film", "bad film"])]
        ['positive', 'negative']
    """
    path = path.path if isinstance(path, (Run, Artifact)) else path
    if is_artifact(path):
        require_own_precision(path, precision)
        return Classifier.of_artifact(open_artifact(path), windows)
    if inside := sorted(item.name for item in Path(path).glob("*") if is_artifact(item)):
        raise InputError(f"{path}: it holds {', '.join(inside)}; load {Path(path) / inside[0]}")
    run = open_run(path)
    from keras_sentiment.models.precision import resolve_precision

    return run_classifier(run, load_model(run, resolve_precision(precision)), windows)


def require_own_precision(path: str | Path, precision: str) -> None:
    """Refuses a precision for an artifact, which keeps the precision of its export.

    Raises:
        InputError: `precision` is not float32.
    """
    if precision != "float32":
        raise InputError(
            f"{path}: an artifact keeps the precision of its export; leave out precision, or give the run "
            f"that was exported. Received: precision={precision!r}"
        )


def load_model(run: Run, precision: str = "float32") -> Any:
    """Returns the Keras model of a run, built under a dtype policy on the current backend.

    Raises:
        InputError: as in `Run.load_model`, or the model does not fit `config.json`.
    """
    model = run.load_model()
    import keras

    def logits(rows: Rows) -> Any:
        # `predict` would compile this shape.
        return keras.ops.convert_to_numpy(model(rows, training=False))

    try:
        # The model is built from the configuration, so a short row is enough for the check.
        row_length = min(CHECKED_TOKENS, run.config.recipe.inputs.row_length)
        vocabulary_size = run.tokenizer().vocabulary_size
        check_logits(logits, row_length, vocabulary_size, len(run.config.labels))
    except InputError as error:
        raise InputError(
            f"{run.path / MODEL_FILE}: the model does not fit {run.path / CONFIG_FILE} ({error})"
        ) from error
    if precision == "float32":
        return model
    from keras_sentiment.models.precision import with_precision

    return with_precision(model, precision)


def run_classifier(run: Run, model: Any, windows: bool = False) -> Classifier:
    """Returns the classifier of a run, with a Keras model in any precision."""
    return Classifier(run.tokenizer(), run.config.recipe.inputs, run.decision, KerasEngine(model), windows)
