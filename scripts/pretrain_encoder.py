"""`pretrain`: pretrains the small Transformer's encoder on texts of a prepared corpus, without labels."""

from __future__ import annotations

from typing import Any

import click

from keras_sentiment.escaping import shell
from keras_sentiment.recipes import PRETRAINING_RECIPE
from keras_sentiment.scripts.command_line import (
    check_backend,
    import_keras,
    run_command,
    say,
)
from keras_sentiment.scripts.options import command
from keras_sentiment.scripts.training_options import pretraining_options
from keras_sentiment.training_config import CheckpointConfig


@command(
    examples=(
        "prepare reviews.csv data/mine --unlabelled more.txt",
        "pretrain data/mine runs/encoder",
        "train-transformer data/mine runs/small --pretrained runs/encoder",
    )
)
@click.argument("data_dir", type=click.Path())
@click.argument("run_dir", type=click.Path())
@pretraining_options({"default": PRETRAINING_RECIPE})
def pretrain(
    data_dir: str,
    run_dir: str,
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
    """Pretrain a Transformer encoder on unlabelled texts.

    It learns to predict masked tokens (masked language modelling) in the train texts of DATA_DIR and in those
    that prepare --unlabelled added. It reads no label. The encoder is written to a new folder RUN_DIR, for
    train-transformer --pretrained.
    """
    following = f"keras-sentiment train-transformer {shell(data_dir)} NEW_DIR --pretrained {shell(run_dir)}"
    checkpoints = CheckpointConfig(checkpoint_steps, max_to_keep)
    chosen = PRETRAINING_RECIPE.replace(**{**changes, **others})
    check_backend()
    from keras_sentiment.data.corpus import open_corpus
    from keras_sentiment.runs.checks import require_trainable

    corpus = open_corpus(data_dir)
    chosen = require_trainable(corpus, run_dir, chosen, overwrite, resume)
    import_keras(quiet)
    from keras_sentiment.training.finish import finish_encoder
    from keras_sentiment.training.train import begin_training

    fit = begin_training(corpus, run_dir, chosen, overwrite, resume, limit, devices, None, checkpoints, quiet)
    if fit is None:
        return say(f"{run_dir} is complete. Next: {following}")
    report = fit.run.devices.writes and not quiet
    if report:
        say(fit.summary())
    for arguments in fit.calls():
        fit.model.fit(**arguments)
    finish_encoder(fit, corpus)
    if report:
        say(f"Saved {run_dir}. Next: {following}")


if __name__ == "__main__":
    run_command(pretrain)
