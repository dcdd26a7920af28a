"""Fine-tunes the last blocks of a pretrained BERT on a prepared corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from keras_sentiment.escaping import shell
from keras_sentiment.recipes import BERT_RECIPES
from keras_sentiment.scripts.command_line import (
    check_backend,
    import_keras,
    run_command,
    say,
    training_options,
)
from keras_sentiment.training_config import CheckpointConfig


def number_or_all(ctx: click.Context, param: click.Parameter, value: str | None) -> int | str | None:
    """Returns the number that is written out, or `all`."""
    if value is None or value == "all":
        return value
    if not value.isdecimal():
        raise click.BadParameter(f"{value!r} is neither a number nor all.", ctx, param)
    return int(value)


@click.command()
@click.argument("data_dir", type=click.Path())
@click.argument("run_dir", type=click.Path())
@click.option("--preset", help="KerasHub preset, local folder, or minilm.")
@click.option(
    "--trainable-blocks", callback=number_or_all, metavar="N|all", help="How many of the last blocks train."
)
@click.option(
    "--cache-frozen", is_flag=True, default=None, help="Compute the frozen part once, onto the disk."
)
@click.option("--cache-dir", type=click.Path(path_type=Path), help="Keep that there, for other runs too.")
@training_options
def train_bert(
    data_dir: str,
    run_dir: str,
    cache_dir: Path | None,
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
    """Fine-tune a pretrained BERT on DATA_DIR into RUN_DIR, all but its last blocks frozen."""
    following = f"keras-sentiment evaluate {shell(run_dir)} {shell(data_dir)}"
    checkpoints = CheckpointConfig(checkpoint_steps, max_to_keep)
    chosen = BERT_RECIPES[recipe].replace(**{**changes, **others})
    if cache_dir and not chosen.model.cache_frozen:
        raise click.UsageError("--cache-dir is for --cache-frozen.")
    check_backend()
    from keras_sentiment.data.corpus import open_corpus

    corpus = open_corpus(data_dir)  # what is none is told before Keras is imported, which takes seconds
    import_keras(quiet)
    from keras_sentiment.runs.chosen import chosen_on_validation
    from keras_sentiment.training.finish import finish
    from keras_sentiment.training.train import begin_training

    fit = begin_training(
        corpus, run_dir, chosen, overwrite, resume, limit, devices, cache_dir, checkpoints, quiet
    )
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
    run_command(train_bert)
