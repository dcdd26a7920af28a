"""Fine-tunes the last blocks of a pretrained BERT on a prepared corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from keras_sentiment.config import CheckpointConfig
from keras_sentiment.errors import InputError
from keras_sentiment.recipes import BERT_RECIPES
from keras_sentiment.scripts.command_line import check_backend, run_command, say, training_options


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
    checkpoints = CheckpointConfig(checkpoint_steps, max_to_keep)
    chosen = BERT_RECIPES[recipe].replace(**{**changes, **others})
    if cache_dir and not chosen.model.cache_frozen:
        raise click.UsageError("--cache-dir is for --cache-frozen.")
    check_backend()
    from keras_sentiment.data.corpus import open_corpus
    from keras_sentiment.text.tokenizer import find_tokenizer

    corpus = open_corpus(data_dir)
    preset = chosen.model.preset
    if find_tokenizer(preset).sha256 != corpus.tokenizer().sha256:
        raise InputError(
            f"{data_dir}: it was prepared with another vocabulary than {preset} has. "
            f"Run: keras-sentiment prepare {corpus.info['source']} NEW_DATA_DIR --tokenizer {preset}"
        )
    from keras_sentiment.models.bert import build_bert
    from keras_sentiment.training.finish import finish
    from keras_sentiment.training.fit import prepare_fit, start_run

    run = start_run(run_dir, corpus, chosen, overwrite, resume, devices)
    quiet = quiet or not run.devices.writes
    if run.resumed and run.complete:
        run.end()
        return say(f"{run_dir} is complete.")
    model = build_bert(chosen.model, chosen.inputs.sequence_length, len(corpus.labels))
    fit = prepare_fit(model, corpus, run, limit, quiet, cache_dir, checkpoints)
    if not quiet:
        say(fit.summary())
    for arguments in fit.calls():
        fit.model.fit(**arguments)
    finish(fit, corpus)
    if not quiet:
        say(f"Saved {run_dir}. Next: keras-sentiment evaluate {run_dir} {data_dir}")


if __name__ == "__main__":
    run_command(train_bert)
