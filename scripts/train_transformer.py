"""Trains the small Transformer encoder from scratch on a prepared corpus."""

from __future__ import annotations

from typing import Any

import click

from keras_sentiment.config import CheckpointConfig
from keras_sentiment.recipes import TRANSFORMER_RECIPES
from keras_sentiment.scripts.command_line import check_backend, run_command, say, training_options


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
    checkpoints = CheckpointConfig(checkpoint_steps, max_to_keep)
    chosen = TRANSFORMER_RECIPES[recipe].replace(**{**changes, **others})
    check_backend()
    from keras_sentiment.data.corpus import open_corpus
    from keras_sentiment.models.transformer import build_transformer, load_encoder_weights
    from keras_sentiment.runs.run import open_encoder
    from keras_sentiment.training.finish import finish
    from keras_sentiment.training.fit import prepare_fit, start_run

    corpus = open_corpus(data_dir)
    run = start_run(run_dir, corpus, chosen, overwrite, resume, devices)
    quiet = quiet or not run.devices.writes
    if run.resumed and run.complete:
        run.end()
        return say(f"{run_dir} is complete.")
    model = build_transformer(
        chosen.model, corpus.tokenizer().vocabulary_size, chosen.inputs.sequence_length, len(corpus.labels)
    )
    if chosen.model.pretrained is not None:
        load_encoder_weights(model, open_encoder(chosen.model.pretrained, corpus.tokenizer()).load_encoder())
    fit = prepare_fit(model, corpus, run, limit, quiet, checkpoints=checkpoints)
    if not quiet:
        say(fit.summary())
    for arguments in fit.calls():
        fit.model.fit(**arguments)
    finish(fit, corpus)
    if not quiet:
        say(f"Saved {run_dir}. Next: keras-sentiment evaluate {run_dir} {data_dir}")


if __name__ == "__main__":
    run_command(train_transformer)
