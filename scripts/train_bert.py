"""`train-bert`: fine-tunes the last blocks of a pretrained BERT on a prepared corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from keras_sentiment.config import AUTO_PRESET, BertConfig
from keras_sentiment.escaping import shell
from keras_sentiment.recipes import BERT_RECIPES, Recipe
from keras_sentiment.scripts.command_line import (
    check_backend,
    import_keras,
    run_command,
    say,
)
from keras_sentiment.scripts.options import command, option, section
from keras_sentiment.scripts.training_options import defaults_of, training_options
from keras_sentiment.training_config import CheckpointConfig


def preset_shown(recipe: Recipe[BertConfig]) -> str:
    """Returns the preset of a recipe as the help shows it."""
    preset = recipe.model.preset
    return "the one that DATA_DIR was prepared with" if preset == AUTO_PRESET else preset


def number_or_all(ctx: click.Context, param: click.Parameter, value: str | None) -> int | str | None:
    """Returns the number that the text is, or `all`."""
    if value is None or value == "all":
        return value
    if not value.isdecimal():
        raise click.BadParameter(f"{value!r} is neither a number nor all.", ctx, param)
    return int(value)


@command(
    examples=(
        "train-bert data/mine runs/bert",
        "train-bert data/mine runs/bert --preset minilm --trainable-blocks 2",
    )
)
@click.argument("data_dir", type=click.Path())
@click.argument("run_dir", type=click.Path())
@section(
    "Model",
    option(
        "--preset",
        metavar="NAME",
        show_default=defaults_of(BERT_RECIPES, preset_shown),
        help="Pretrained BERT: minilm, a KerasHub preset, which is downloaded, or a local folder. DATA_DIR "
        "must have been prepared with its vocabulary.",
    ),
    option(
        "--trainable-blocks",
        callback=number_or_all,
        metavar="N|all",
        show_default=defaults_of(BERT_RECIPES, lambda recipe: recipe.model.trainable_blocks),
        help="Number of encoder blocks that train, counted from the last; the others are frozen. all trains "
        "the embeddings too.",
    ),
    option(
        "--cache-frozen",
        is_flag=True,
        default=None,
        help="Compute the output of the frozen blocks once and keep it on disk, instead of in every epoch.",
    ),
    option(
        "--cache-dir",
        type=click.Path(path_type=Path),
        metavar="DIR",
        show_default="RUN_DIR, until the training ends",
        help="With --cache-frozen: keep the computed output in this folder, where other runs find it.",
    ),
)
@training_options(BERT_RECIPES)
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
    """Fine-tune a pretrained BERT.

    It trains the last encoder blocks and a new classification head on DATA_DIR, a folder that prepare wrote,
    and writes the trained model to a new folder RUN_DIR. A linear model of n-grams is trained beside the
    BERT; their logits are averaged.
    """
    following = f"keras-sentiment evaluate {shell(run_dir)} {shell(data_dir)}"
    checkpoints = CheckpointConfig(checkpoint_steps, max_to_keep)
    chosen = BERT_RECIPES[recipe].replace(**{**changes, **others})
    if cache_dir and not chosen.model.cache_frozen:
        raise click.UsageError("--cache-dir is for --cache-frozen.")
    check_backend()
    from keras_sentiment.data.corpus import open_corpus
    from keras_sentiment.runs.checks import require_trainable

    corpus = open_corpus(data_dir)
    wanted, chosen = chosen, require_trainable(corpus, run_dir, chosen, overwrite, resume)
    if wanted.model.preset == AUTO_PRESET and not quiet:
        say(f"Preset: {chosen.model.preset}, with which {data_dir} was prepared")
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
