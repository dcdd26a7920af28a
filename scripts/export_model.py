"""`export`: converts a trained model to the formats of other runtimes, and compares each with it."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import click

from keras_sentiment.data.config import PrepareConfig
from keras_sentiment.errors import InputError, install_hint
from keras_sentiment.escaping import shell
from keras_sentiment.messages import show
from keras_sentiment.scripts.command_line import (
    check_backend,
    import_keras,
    output_options,
    run_command,
    say,
)
from keras_sentiment.scripts.options import command, option, section
from keras_sentiment.scripts.table_options import source_options

# What predict and serve open: the others run code that is in the file.
SERVED = ("onnx", "onnx_int8", "openvino")
FORMATS = ("onnx", "openvino", "tf_saved_model", "torch")
PACKAGES = {"onnx": ("onnxscript", "onnxruntime"), "openvino": ("onnxscript", "openvino")}


@command(
    examples=(
        "export runs/small models/small",
        "export runs/small models/small --format onnx --quantize int8 --data data/mine",
    )
)
@click.argument("run_dir", type=click.Path())
@click.argument("out_dir", type=click.Path())
@section(
    "Export",
    option(
        "--format",
        "formats",
        type=click.Choice(FORMATS),
        multiple=True,
        default=("onnx",),
        show_default=True,
        help="Format of the model. May be given several times.",
    ),
    option(
        "--quantize",
        type=click.Choice(["int8"]),
        help="With --format onnx and --data: write onnx_int8 too, a model with 8-bit weights.",
    ),
    option(
        "--data",
        type=click.Path(),
        metavar="DATA",
        help="Labelled texts: a folder that prepare wrote, or any source that it takes. Up to 200 of its "
        "validation texts are added to the comparison with the Keras model; the accuracy of onnx_int8 is "
        "measured on all of them.",
    ),
    option(
        "--force",
        is_flag=True,
        help="Keep onnx_int8 even if its accuracy is more than 0.5 percentage points lower.",
    ),
)
@source_options
@output_options
def export(
    run_dir: str,
    out_dir: str,
    formats: tuple[str, ...],
    quantize: str | None,
    data: str | None,
    force: bool,
    config: PrepareConfig,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Convert a trained model to ONNX and other formats.

    RUN_DIR is a folder that a training command wrote. For each format an artifact is written, a folder
    OUT_DIR/FORMAT with the model, its tokenizer and all else that is needed to label texts. Each model is
    loaded with its own runtime in a new process and compared with the Keras model. One that gives other
    probabilities is removed.
    """
    wanted = list(dict.fromkeys(formats))
    if quantize:
        if "onnx" not in wanted:
            raise click.UsageError("--quantize int8 is for the format onnx: add --format onnx.")
        wanted.insert(wanted.index("onnx") + 1, f"onnx_{quantize}")
        if data is None:
            raise click.UsageError("--quantize int8 needs --data DATA, on which its accuracy is measured.")
    elif force:
        raise click.UsageError("--force is for --quantize int8.")
    for package in (package for name in formats for package in PACKAGES.get(name, ())):
        if importlib.util.find_spec(package) is None:
            raise InputError(f"{package} is not installed; {install_hint('export')}")
    # A run opens on any backend, and torch's exporters are the ones that take it.
    os.environ["KERAS_BACKEND"] = "torch"
    check_backend()
    from keras_sentiment.data.evaluation_split import require_evaluation_data
    from keras_sentiment.inference.artifact_folder import require_free_artifacts
    from keras_sentiment.runs.run import open_run

    # What can be refused is refused before Keras is imported, which takes seconds.
    run = open_run(run_dir)
    require_free_artifacts(Path(out_dir), wanted, overwrite)
    if data is not None:
        require_evaluation_data(data, None, run.tokenizer(), run.config.labels, config)
    import_keras(quiet)
    from keras_sentiment.exporting import exporter

    artifacts = exporter.export(
        run, out_dir, wanted, data=data, config=config, overwrite=overwrite, force=force, quiet=quiet
    )
    for artifact in artifacts:
        show(str(artifact.path))
    served = next((artifact for artifact in artifacts if artifact.format in SERVED), None)
    if quiet:
        return
    if served is None:
        say(f"Next: {artifacts[0].path / 'README.md'} says how to load it")
    else:
        path = shell(served.path)
        say(f'Next: keras-sentiment predict {path} "some text", or keras-sentiment serve {path}')


if __name__ == "__main__":
    run_command(export)
