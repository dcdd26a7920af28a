"""`export`: a trained model in the formats of other runtimes, each proven equal to it."""

from __future__ import annotations

import importlib.util
import os

import click

from keras_sentiment.data.config import PrepareConfig
from keras_sentiment.errors import InputError
from keras_sentiment.messages import show
from keras_sentiment.scripts.command_line import (
    check_backend,
    import_keras,
    output_options,
    run_command,
)
from keras_sentiment.scripts.table_options import source_options

FORMATS = ("onnx", "openvino", "tf_saved_model", "torch")
PACKAGES = {"onnx": ("onnxscript", "onnxruntime"), "openvino": ("onnxscript", "openvino")}


@click.command()
@click.argument("run_dir", type=click.Path())
@click.argument("out_dir", type=click.Path())
@click.option(
    "--format",
    "formats",
    type=click.Choice(FORMATS),
    multiple=True,
    default=("onnx",),
    show_default=True,
    help="Of the graph; several may be named.",
)
@click.option("--quantize", type=click.Choice(["int8"]), help="Beside onnx also onnx_int8; needs --data.")
@click.option(
    "--data",
    type=click.Path(),
    help="A DATA_DIR or SOURCE, as prepare takes it: 200 of its validation reviews join the check.",
)
@click.option("--force", is_flag=True, help="Keep an int8 graph that loses over half a point of accuracy.")
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
    """Write the model of RUN_DIR to OUT_DIR/<format>, with all that turns a text into a label.

    Each graph is read again by its own runtime, in a fresh process, and compared with the Keras model from
    text to probability. One that differs is not kept.
    """
    wanted = list(dict.fromkeys(formats))
    if quantize:
        if "onnx" not in wanted:
            raise InputError("--quantize int8 concerns the format onnx: add --format onnx")
        wanted.insert(wanted.index("onnx") + 1, f"onnx_{quantize}")
    for package in (package for name in formats for package in PACKAGES.get(name, ())):
        if importlib.util.find_spec(package) is None:
            raise InputError(f'{package} is not installed: pip install "keras-sentiment[export]"')
    # A run opens on any backend, and torch's exporters are the ones that take it.
    os.environ["KERAS_BACKEND"] = "torch"
    check_backend()
    from keras_sentiment.runs.run import open_run

    run = open_run(run_dir)  # what is none is told before Keras is imported, which takes seconds
    import_keras(quiet)
    from keras_sentiment.exporting import exporter

    for artifact in exporter.export(
        run, out_dir, wanted, data=data, config=config, overwrite=overwrite, force=force, quiet=quiet
    ):
        show(str(artifact.path))


if __name__ == "__main__":
    run_command(export)
