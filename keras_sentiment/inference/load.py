"""A trained model, opened from wherever it lies: a run on the current Keras backend, or an artifact."""

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
    """Opens a run whose training has ended on the current Keras backend, or an artifact.

    Args:
        path: the folder of a run or an artifact, or what `train` and `export` return.
        precision: of a run's Keras model: `"float32"`, `"mixed_float16"`, `"mixed_bfloat16"`, or
            `"auto"` for what is fast here. An artifact has the precision that it was exported with, and
            takes no other.
        windows: whether texts that are too long for a row are read whole, in overlapping windows.

    Raises:
        InputError: there is neither at `path`, or one that can't be read, or its runtime is missing; or it
            can't be computed in that precision.

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
    """Refuses another precision for an artifact than the one it was exported in.

    Raises:
        InputError: with the fix.
    """
    if precision != "float32":
        raise InputError(
            f"{path}: an artifact keeps the precision that it was exported in; leave out precision, or give "
            f"the run that it was made of. Received: precision={precision!r}"
        )


def load_model(run: Run, precision: str = "float32") -> Any:
    """Returns the Keras model of a run, built under a dtype policy on the current backend.

    Raises:
        InputError: as `Run.load_model` does, or the model is that of another `config.json`.
    """
    model = run.load_model()
    import keras

    def logits(rows: Rows) -> Any:
        # Not `predict`, which would compile this one shape.
        return keras.ops.convert_to_numpy(model(rows, training=False))

    try:
        # The model is built by us, so that a short row tells as much as the longest one.
        row_length = min(CHECKED_TOKENS, run.config.recipe.inputs.row_length)
        vocabulary_size = run.tokenizer().vocabulary_size
        check_logits(logits, row_length, vocabulary_size, len(run.config.labels))
    except InputError as error:
        raise InputError(
            f"{run.path / MODEL_FILE}: it is not the model of {run.path / CONFIG_FILE} ({error})"
        ) from error
    if precision == "float32":
        return model
    from keras_sentiment.models.precision import with_precision

    return with_precision(model, precision)


def run_classifier(run: Run, model: Any, windows: bool = False) -> Classifier:
    """Returns the classifier of a run with its Keras model, in any precision."""
    return Classifier(run.tokenizer(), run.config.recipe.inputs, run.decision, KerasEngine(model), windows)
