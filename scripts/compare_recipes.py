"""`compare`: trains several recipes with several seeds each, and compares them on validation."""

from __future__ import annotations

from pathlib import Path

import click

from keras_sentiment.config import DEFAULT_SEED
from keras_sentiment.errors import InputError
from keras_sentiment.escaping import shell
from keras_sentiment.messages import show
from keras_sentiment.scripts.command_line import (
    check_backend,
    common_options,
    import_keras,
    run_command,
    say,
)
from keras_sentiment.scripts.options import command, option


@command(examples=("compare data/mine runs/sweep recipes.toml --seeds 5",))
@click.argument("data_dir", type=click.Path())
@click.argument("out_dir", type=click.Path(path_type=Path))
@click.argument("recipes", type=click.Path(path_type=Path))
@option(
    "--seeds",
    type=click.IntRange(min=1),
    metavar="N",
    default=3,
    show_default=True,
    help="Number of random seeds with which each recipe is trained.",
)
@common_options
def compare(data_dir: str, out_dir: Path, recipes: Path, seeds: int, quiet: bool) -> None:
    """Train several recipes and compare them.

    RECIPES is a TOML file with one table for each recipe: the training command, and the hyperparameters that
    differ from its defaults, by their names in config.json:

    \b
    [wide]
    command = "train-transformer"
    hidden_dim = 256

    Each recipe is trained on DATA_DIR with each seed, into folders of OUT_DIR. The table that is printed has
    the accuracy and the loss on validation. The same command continues an interrupted comparison and trains
    only what is not yet trained.
    """
    check_backend()
    from keras_sentiment.data.corpus import open_corpus
    from keras_sentiment.runs.checks import require_trainable
    from keras_sentiment.training.sweep import read_candidates, run_all, run_dir, table

    candidates, corpus = read_candidates(recipes), open_corpus(data_dir)
    chosen = range(DEFAULT_SEED, DEFAULT_SEED + seeds)
    for candidate in candidates:  # before the first one is trained, which takes minutes
        path = run_dir(out_dir, candidate, chosen[0])
        require_trainable(corpus, path, candidate.recipe(chosen[0]), resume=True)
    failed = run_all(candidates, chosen, corpus, out_dir, quiet)
    import_keras(quiet)
    show(table(candidates, chosen, corpus, out_dir))
    if not failed and not quiet:
        one = run_dir(out_dir, candidates[0], chosen[0])
        say(f"Next, for the best of them: keras-sentiment evaluate {shell(one)} {shell(data_dir)}")
    if failed:
        raise InputError(f"{', '.join(failed)}: not trained; the errors are printed above")


if __name__ == "__main__":
    run_command(compare)
