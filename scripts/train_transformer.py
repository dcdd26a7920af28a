"""`train-transformer`: trains the small Transformer encoder from scratch on a prepared corpus."""

from __future__ import annotations

from typing import Any

import click

from keras_sentiment.escaping import shell
from keras_sentiment.recipes import TRANSFORMER_RECIPES
from keras_sentiment.scripts.command_line import (
    check_backend,
    import_keras,
    run_command,
    say,
)
from keras_sentiment.scripts.options import command, option, section
from keras_sentiment.scripts.training_options import training_options
from keras_sentiment.training_config import CheckpointConfig


@command(
    examples=(
        "train-transformer data/mine runs/small",
        "train-transformer data/mine runs/small --epochs 3 --learning-rate 0.0005",
    )
)
@click.argument("data_dir", type=click.Path())
@click.argument("run_dir", type=click.Path())
@section(
    "Model",
    option(
        "--pretrained",
        metavar="DIR",
        show_default="random weights",
        help="Start from the encoder that the command pretrain wrote to this folder.",
    ),
)
@training_options(TRANSFORMER_RECIPES)
def train_transformer(
    data_dir: str,
    run_dir: str,
    recipe: str,
    others: dict[str, Any],
    limit: int | None,
    resume: bool,
    devices: int | None,
    checkpoint_steps: int,
    max_to_keep: int,
    overwrite: bool,
    quiet: bool,
    **changes: Any,
) -> None:
    """Train a small Transformer from scratch.

    It trains on DATA_DIR, a folder that prepare wrote, and writes the trained model to a new folder RUN_DIR.
    A linear model of n-grams is trained beside the Transformer; their logits are averaged.
    """
    following = f"keras-sentiment evaluate {shell(run_dir)} {shell(data_dir)}"
    checkpoints = CheckpointConfig(checkpoint_steps, max_to_keep)
    chosen = TRANSFORMER_RECIPES[recipe].replace(**{**changes, **others})
    check_backend()
    from keras_sentiment.data.corpus import open_corpus
    from keras_sentiment.runs.checks import require_trainable

    corpus = open_corpus(data_dir)
    chosen = require_trainable(corpus, run_dir, chosen, overwrite, resume)
    import_keras(quiet)
    from keras_sentiment.runs.chosen import chosen_on_validation
    from keras_sentiment.training.finish import finish
    from keras_sentiment.training.train import begin_training

    fit = begin_training(corpus, run_dir, chosen, overwrite, resume, limit, devices, None, checkpoints, quiet)
    if fit is None:
        return say(f"{run_dir} is complete. Next: {following}")
    report = fit.run.devices.writes and not quiet
    if report:
        say(fit.summary())
    for arguments in fit.calls():
        fit.model.fit(**arguments)
    run = finish(fit, corpus)
    if report:
        for line in chosen_on_validation(run.config):
            say(line)
        say(f"Saved {run_dir}. Next: {following}")


if __name__ == "__main__":
    run_command(train_transformer)
