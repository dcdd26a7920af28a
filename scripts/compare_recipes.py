"""Trains recipes with several seeds each, unattended, and compares them on validation."""

from __future__ import annotations

from pathlib import Path

import click

from keras_sentiment.config import DEFAULT_SEED
from keras_sentiment.errors import InputError
from keras_sentiment.messages import show
from keras_sentiment.scripts.command_line import check_backend, common_options, import_keras, run_command


@click.command()
@click.argument("data_dir", type=click.Path())
@click.argument("out_dir", type=click.Path(path_type=Path))
@click.argument("recipes", type=click.Path(path_type=Path))
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True, help="How many for each.")
@common_options
def compare(data_dir: str, out_dir: Path, recipes: Path, seeds: int, quiet: bool) -> None:
    """Train the recipes of a TOML file on DATA_DIR into folders of OUT_DIR, and print a table.

    RECIPES has a table for each: its command, and the hyperparameters that differ from the defaults.
    The same command again goes on where it was interrupted, and trains only what is new.
    """
    check_backend()
    import_keras(quiet)
    from keras_sentiment.data.corpus import open_corpus
    from keras_sentiment.training.sweep import read_candidates, run_all, table

    candidates, corpus = read_candidates(recipes), open_corpus(data_dir)
    chosen = range(DEFAULT_SEED, DEFAULT_SEED + seeds)
    failed = run_all(candidates, chosen, corpus, out_dir, quiet)
    show(table(candidates, chosen, corpus, out_dir))
    if failed:
        raise InputError(f"{', '.join(failed)}: not trained; what each said stands above")


if __name__ == "__main__":
    run_command(compare)
