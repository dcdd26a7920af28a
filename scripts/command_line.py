"""What every command shares: its options, its backend; and `keras-sentiment` itself."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
from collections.abc import Callable
from typing import Any

import click

from keras_sentiment.config import BACKENDS, PRECISIONS, RECIPES
from keras_sentiment.errors import InputError
from keras_sentiment.messages import tell
from keras_sentiment.progress import phase
from keras_sentiment.scripts.execution import run_command as run_command
from keras_sentiment.scripts.library_output import LibraryOutput
from keras_sentiment.training_config import CheckpointConfig

CHECKPOINTS = CheckpointConfig()

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


def options(*decorators: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Returns one decorator for several, in reading order."""

    def decorate(function: Any) -> Any:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


version_option = click.version_option(package_name="keras-sentiment")
windows_option = click.option(
    "--windows", is_flag=True, help="Read long texts whole, in windows that overlap, instead of cut."
)
scoring_precision_option = click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default="float32",
    show_default=True,
    help="In what numbers the model computes; auto takes what is fast here.",
)


def _choose_library_output(ctx: click.Context, param: click.Parameter, verbose: bool) -> None:
    """Keeps the output of libraries off standard error, where `run_command` runs the command."""
    if isinstance(ctx.obj, LibraryOutput) and not verbose:
        ctx.obj.hold()


# What every command takes, and what every one that writes takes.
common_options = options(
    click.option("--quiet", is_flag=True, help="Show no progress."),
    click.option(
        "--verbose",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_choose_library_output,
        help="Show also what TensorFlow, torch and other libraries print.",
    ),
    version_option,
)
output_options = options(
    click.option("--overwrite", is_flag=True, help="Replace what is there."), common_options
)


def hyperparameters(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, Any]:
    """Returns what `NAME=VALUE` says of each name; values are JSON, and else text."""
    found: dict[str, Any] = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not equals:
            raise click.BadParameter(f"{value!r} is not NAME=VALUE.", ctx, param)
        try:
            found[name] = json.loads(text)
        except (ValueError, RecursionError):
            found[name] = text
    return found


# What every training command takes; a default that is not said here is the recipe's.
pretraining_options = options(
    click.option("--epochs", type=int, help="Passes over the train reviews."),
    click.option("--batch-size", type=int, help="Train reviews a step."),
    click.option("--learning-rate", type=float, help="Its peak."),
    click.option("--sequence-length", type=int, help="Most tokens of a review that are read."),
    click.option("--precision", type=click.Choice(PRECISIONS), help="In what numbers to compute."),
    click.option("--seed", type=int, help="Of everything random."),
    click.option(
        "--set",
        "others",
        multiple=True,
        callback=hyperparameters,
        metavar="NAME=VALUE",
        help="Another hyperparameter, by its name in config.json; repeatable.",
    ),
    click.option("--limit", type=click.IntRange(min=1), help="Train on so many reviews, a stratified draw."),
    click.option("--devices", type=click.IntRange(min=1), help="On jax: of this machine. [default: all]"),
    click.option("--resume", is_flag=True, help="Go on with the run that is there, if it was interrupted."),
    click.option(
        "--checkpoint-steps",
        type=int,
        default=CHECKPOINTS.steps,
        show_default=True,
        metavar="N",
        help="Steps from one checkpoint to the next.",
    ),
    click.option(
        "--max-to-keep",
        type=int,
        default=CHECKPOINTS.max_to_keep,
        show_default=True,
        help="How many of them stay.",
    ),
    output_options,
)
# And what those take that train on labels.
training_options = options(
    click.option("--recipe", type=click.Choice(RECIPES), default="default", show_default=True),
    click.option("--class-weight", is_flag=True, default=None, help="Let rare labels weigh more."),
    click.option(
        "--teacher",
        "teachers",
        multiple=True,
        metavar="RUN",
        callback=lambda ctx, param, values: list(values) or None,
        help="Learn also from the soft labels that this trained model gives to the unlabelled texts; "
        "repeatable, for the mean of several.",
    ),
    click.option(
        "--threshold-for",
        metavar="f1|precision=P",
        help="For what to choose the threshold between two labels, on validation; "
        "without it, the more probable label is taken.",
    ),
    click.option(
        "--threshold-label", metavar="LABEL", help="The label that it is meant for.  [default: the second]"
    ),
    pretraining_options,
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
        fix = 'pip install "keras-sentiment[jax]"' if backend == "jax" else f"pip install {backend}"
        raise InputError(f"KERAS_BACKEND={backend} is not installed: {fix}")


def import_keras(quiet: bool) -> None:
    """Imports Keras, and with it its backend, which takes seconds; says so meanwhile."""
    with phase("Loading Keras", None, quiet):
        import keras  # noqa: F401


@click.group(cls=Commands)
@version_option
def commands() -> None:
    """From labelled texts to a sentiment model that can be trusted and served."""


def main() -> None:
    """The console script `keras-sentiment`."""
    run_command(commands)
