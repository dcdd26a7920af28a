"""Trains the small Transformer encoder from scratch on a prepared corpus."""

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
    training_options,
)
from keras_sentiment.training_config import CheckpointConfig


@click.command()
@click.argument("data_dir", type=click.Path())
@click.argument("run_dir", type=click.Path())
@click.option("--pretrained", metavar="DIR", help="Start from the encoder that pretrain made there.")
@training_options
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
    """Train a small Transformer encoder on DATA_DIR, from scratch, into RUN_DIR."""
    following = f"keras-sentiment evaluate {shell(run_dir)} {shell(data_dir)}"
    checkpoints = CheckpointConfig(checkpoint_steps, max_to_keep)
    chosen = TRANSFORMER_RECIPES[recipe].replace(**{**changes, **others})
    check_backend()
    from keras_sentiment.data.corpus import open_corpus

    corpus = open_corpus(data_dir)  # what is none is told before Keras is imported, which takes seconds
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
