"""What every command shares: its options, its backend; and `keras-sentiment` itself."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
from collections.abc import Callable, Mapping
from typing import Any

import click

from keras_sentiment.config import BACKENDS, PRECISIONS, RECIPES
from keras_sentiment.errors import InputError, install_hint
from keras_sentiment.messages import tell
from keras_sentiment.progress import phase
from keras_sentiment.recipes import Recipe
from keras_sentiment.scripts.execution import run_command as run_command
from keras_sentiment.scripts.library_output import LibraryOutput
from keras_sentiment.scripts.options import Decorator, option, options, section
from keras_sentiment.training_config import CheckpointConfig

CHECKPOINTS = CheckpointConfig()
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


def hyperparameters(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, Any]:
    """Returns the value of each `NAME=VALUE` by its name; a value is JSON, and otherwise text."""
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


def defaults_of(recipes: Mapping[str, Recipe[Any]], shown: Callable[[Recipe[Any]], Any]) -> str:
    """Returns a hyperparameter of each recipe for the help: the default recipe's, and those that differ."""
    first, *others = recipes
    value = shown(recipes[first])
    different = {name: shown(recipes[name]) for name in others if shown(recipes[name]) != value}
    return "; ".join([f"{value}", *(f"{other} with --recipe {name}" for name, other in different.items())])


def pretraining_options(recipes: Mapping[str, Recipe[Any]]) -> Decorator:
    """Returns what every training command takes.

    Args:
        recipes: that the command starts from, the default first; the help shows their values.
    """

    def training_default(name: str) -> str:
        return defaults_of(recipes, lambda recipe: getattr(recipe.training, name))

    def epochs(recipe: Recipe[Any]) -> str:
        least = recipe.training.min_steps
        return f"{recipe.training.epochs}" + (f", or more to make {least} steps" if least else "")

    return options(
        section(
            "Training",
            option(
                "--epochs",
                type=int,
                metavar="N",
                show_default=defaults_of(recipes, epochs),
                help="Largest number of passes over the train reviews.",
            ),
            option(
                "--batch-size",
                type=int,
                metavar="N",
                show_default=training_default("batch_size"),
                help="Train reviews in a batch.",
            ),
            option(
                "--learning-rate",
                type=float,
                metavar="RATE",
                show_default=training_default("learning_rate"),
                help="Largest learning rate of the schedule.",
            ),
            option(
                "--sequence-length",
                type=int,
                metavar="N",
                show_default=defaults_of(recipes, lambda recipe: recipe.inputs.sequence_length),
                help="Largest number of tokens of a review that the model reads.",
            ),
            option(
                "--precision",
                type=click.Choice(PRECISIONS),
                show_default=training_default("precision"),
                help=PRECISION_HELP,
            ),
            option(
                "--seed",
                type=int,
                metavar="N",
                show_default=training_default("seed"),
                help="Seed of all random numbers: initial weights, order of the reviews, dropout.",
            ),
            option(
                "--limit",
                type=click.IntRange(min=1),
                metavar="N",
                show_default="all",
                help="Train on this number of the train reviews, drawn at random with the same share of each "
                "label.",
            ),
            option(
                "--set",
                "others",
                multiple=True,
                callback=hyperparameters,
                metavar="NAME=VALUE",
                help="Set any other hyperparameter by its name in config.json. May be given several times.",
            ),
            option(
                "--devices",
                type=click.IntRange(min=1),
                metavar="N",
                show_default="all",
                help="With the jax backend: how many devices of this machine share each batch.",
            ),
        ),
        section(
            "Interrupted training",
            option(
                "--resume",
                is_flag=True,
                help="Continue the training in RUN_DIR if it was interrupted; start it if there is none.",
            ),
            option(
                "--checkpoint-steps",
                type=int,
                default=CHECKPOINTS.steps,
                show_default=True,
                metavar="N",
                help="Write a checkpoint every N steps.",
            ),
            option(
                "--max-to-keep",
                type=int,
                default=CHECKPOINTS.max_to_keep,
                show_default=True,
                metavar="N",
                help="Number of latest checkpoints that stay on disk.",
            ),
        ),
        output_options,
    )


def training_options(recipes: Mapping[str, Recipe[Any]]) -> Decorator:
    """Returns what the commands take that train on labels: `pretraining_options` and more."""
    return options(
        section(
            "Labels and recipe",
            option(
                "--recipe",
                type=click.Choice(RECIPES),
                default="default",
                show_default=True,
                help="Hyperparameters to start from. reference has those of the published project that this "
                "one is compared with.",
            ),
            option(
                "--class-weight",
                is_flag=True,
                default=None,
                help="Weight each label in the loss by the inverse of its frequency.",
            ),
            option(
                "--threshold-for",
                metavar="f1|precision=P",
                show_default="no threshold: the most probable label is taken",
                help="Choose the decision threshold between two labels on validation: for the largest F1, or "
                "for a precision of at least P, such as precision=0.9.",
            ),
            option(
                "--threshold-label",
                metavar="LABEL",
                show_default="the second label",
                help="With --threshold-for: the label whose F1 or precision is meant.",
            ),
            option(
                "--teacher",
                "teachers",
                multiple=True,
                metavar="MODEL",
                callback=lambda ctx, param, values: list(values) or None,
                help="Distillation: learn also from the probabilities that this run or artifact gives to the "
                "unlabelled texts of DATA_DIR. May be given several times; the probabilities are averaged.",
            ),
        ),
        pretraining_options(recipes),
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
        import keras  # noqa: F401


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
