"""Options of the training commands; their defaults come from the recipes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import click

from keras_sentiment.config import PRECISIONS, RECIPES
from keras_sentiment.recipes import Recipe
from keras_sentiment.scripts.command_line import PRECISION_HELP, output_options
from keras_sentiment.scripts.options import Decorator, option, options, section
from keras_sentiment.training_config import CheckpointConfig

CHECKPOINTS = CheckpointConfig()


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
