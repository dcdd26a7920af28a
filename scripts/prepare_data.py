"""`prepare`: labelled reviews, cleaned, split and encoded once for every later step."""

from __future__ import annotations

from pathlib import Path

import click

from keras_sentiment.config import DEFAULT_SEED
from keras_sentiment.data.config import LEARNED_VOCABULARY, PrepareConfig
from keras_sentiment.messages import show
from keras_sentiment.scripts.command_line import (
    output_options,
    run_command,
    say,
)
from keras_sentiment.scripts.table_options import on_error_option, source_options


@click.command()
@click.argument("source")
@click.argument("data_dir", type=click.Path(path_type=Path))
@click.option(
    "--tokenizer", help="minilm, a KerasHub preset, a folder, or learn.  [default: minilm if installed]"
)
@click.option(
    "--vocabulary-size",
    type=click.IntRange(min=6),
    default=LEARNED_VOCABULARY,
    show_default=True,
    help="Of learn.",
)
@click.option("--unlabelled", metavar="PATH", help="Texts for pretrain: a folder, a table, a .txt, aclImdb.")
@click.option("--test", metavar="SOURCE", help="Its reviews are the test part, and none of SOURCE.")
@click.option("--validation", metavar="SOURCE", help="Likewise.")
@click.option("--group-column", help="Column whose equal values stay in one split: author, product.")
@click.option("--seed", type=int, default=DEFAULT_SEED, show_default=True, help="Of the random splits.")
@source_options
@on_error_option
@click.option("--processes", type=click.IntRange(min=1), help="That clean texts.  [default: one a core]")
@output_options
def prepare(
    source: str,
    data_dir: Path,
    tokenizer: str | None,
    vocabulary_size: int,
    unlabelled: str | None,
    test: str | None,
    validation: str | None,
    config: PrepareConfig,
    on_error: str,
    processes: int | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Clean, split and encode the labelled reviews of SOURCE into DATA_DIR.

    SOURCE is a table (.csv, .tsv, .jsonl, .json, .parquet, .arrow; .gz, .bz2, .xz, .zst and .zip of them), a
    quoted pattern of tables, a folder of tables called train*, validation* and test*, a folder that Hugging
    Face's save_to_disk wrote, a folder with one subfolder of .txt files a label, aclImdb's folder or .tar.gz,
    `-` for a table on standard input, the word `imdb` (downloads aclImdb) or the word `sample` (25,000 of its
    reviews, no network). With --tokenizer learn a vocabulary is learned from the train and unlabelled texts.
    """
    from keras_sentiment.data import preparation
    from keras_sentiment.data.summary import summarize
    from keras_sentiment.machine import cores

    corpus = preparation.prepare(
        source,
        data_dir,
        tokenizer=tokenizer,
        vocabulary_size=vocabulary_size,
        unlabelled=unlabelled,
        test=test,
        validation=validation,
        config=config,
        on_error=on_error,
        overwrite=overwrite,
        quiet=quiet,
        processes=processes or cores(),
    )
    for warning in corpus.info["warnings"]:
        say(f"Warning: {warning}")
    show(summarize(corpus.info))


if __name__ == "__main__":
    run_command(prepare)
