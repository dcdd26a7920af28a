"""What every command shares: its options, its backend; and `keras-sentiment` itself."""

from __future__ import annotations

import importlib
import importlib.util
import os

import click

from keras_sentiment.config import BACKENDS, PRECISIONS
from keras_sentiment.errors import InputError, install_hint
from keras_sentiment.messages import tell
from keras_sentiment.progress import phase
from keras_sentiment.scripts.execution import run_command as run_command
from keras_sentiment.scripts.library_output import LibraryOutput
from keras_sentiment.scripts.options import option, options

PRECISION_HELP = (
    "Number format in which the model computes; auto takes mixed_bfloat16 where this machine is fast at it, "
    "else float32."
)

COMMANDS = {
    "prepare": "prepare_data",
    "pretrain": "pretrain_encoder",
    "train-transformer": "train_transformer",
    "train-bert": "train_bert",
    "evaluate": "evaluate_model",
    "predict": "predict_texts",
    "export": "export_model",
    "serve": "serve_model",
    "compare": "compare_recipes",
    "benchmark": "benchmark_speed",
    "demo": "run_demo",
}


class Commands(click.Group):
    """The commands by name, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"keras_sentiment.scripts.{COMMANDS[cmd_name]}")
        return getattr(module, cmd_name.replace("-", "_"))


version_option = click.version_option(package_name="keras-sentiment")
windows_option = option(
    "--windows",
    is_flag=True,
    help="Read a text that is longer than the model's sequence length whole, in overlapping windows. Without "
    "it the middle of such a text is left out.",
)
scoring_precision_option = option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default="float32",
    show_default=True,
    help=PRECISION_HELP,
)


def _choose_library_output(ctx: click.Context, param: click.Parameter, verbose: bool) -> None:
    """Keeps the output of libraries off standard error, where `run_command` runs the command."""
    if isinstance(ctx.obj, LibraryOutput) and not verbose:
        ctx.obj.hold()


# What every command takes, and what every one that writes takes.
common_options = options(
    option("--quiet", is_flag=True, help="Print no progress and no remarks on standard error."),
    option(
        "--verbose",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_choose_library_output,
        help="Print also the messages of TensorFlow, torch and other libraries.",
    ),
    version_option,
)
output_options = options(
    option("--overwrite", is_flag=True, help="Replace the output if it exists already."), common_options
)


def say(message: str) -> None:
    """Prints a line of progress on standard error; standard output carries results only."""
    tell(message)


def check_backend(backend: str | None = None) -> None:
    """Refuses a backend that does not exist or is not installed, before Keras is imported.

    Args:
        backend: its name; `KERAS_BACKEND` says it otherwise.

    Raises:
        InputError: with the fix.
    """
    backend = backend or os.environ["KERAS_BACKEND"]
    if backend not in BACKENDS:
        raise InputError(
            f"KERAS_BACKEND must be one of {', '.join(BACKENDS)}. Received: KERAS_BACKEND={backend}"
        )
    if importlib.util.find_spec(backend) is None:
        fix = install_hint("jax") if backend == "jax" else f"run: pip install {backend}"
        raise InputError(f"KERAS_BACKEND={backend} is not installed; {fix}")


def import_keras(quiet: bool) -> None:
    """Imports Keras, and with it its backend, which takes seconds; says so meanwhile."""
    with phase("Loading Keras", None, quiet):
        importlib.import_module("keras")


@click.group(cls=Commands)
@version_option
def commands() -> None:
    """Train, evaluate, export and serve sentiment models, from your own labelled texts.

    The usual order is prepare, train-transformer or train-bert, evaluate, then predict, or export and serve.
    Each command prints the next one. Every command has a --help with its options and examples.
    """


def main() -> None:
    """The console script `keras-sentiment`."""
    run_command(commands)
