"""`prepare`: cleans, splits and tokenizes labelled texts, once for all later commands."""

from __future__ import annotations

from pathlib import Path

import click

from keras_sentiment.config import DEFAULT_SEED
from keras_sentiment.data.config import LEARNED_VOCABULARY, PrepareConfig
from keras_sentiment.escaping import shell
from keras_sentiment.messages import show
from keras_sentiment.scripts.command_line import (
    output_options,
    run_command,
    say,
)
from keras_sentiment.scripts.options import command, option, section
from keras_sentiment.scripts.table_options import on_error_option, source_options


@command(
    examples=(
        "prepare reviews.csv data/mine --label-column stars",
        "prepare sample data/films",
    )
)
@click.argument("source")
@click.argument("data_dir", type=click.Path(path_type=Path))
@section(
    "Vocabulary",
    option(
        "--tokenizer",
        metavar="NAME",
        show_default="minilm if it is installed, else bert_base_en_uncased",
        help="Vocabulary of the tokenizer: minilm, a KerasHub preset of BERT, a folder with a vocab.txt, or "
        "learn, which learns a vocabulary from the train and unlabelled texts.",
    ),
    option(
        "--vocabulary-size",
        type=click.IntRange(min=6),
        metavar="N",
        default=LEARNED_VOCABULARY,
        show_default=True,
        help="With --tokenizer learn: number of tokens in the vocabulary.",
    ),
)
@section(
    "Splits",
    option(
        "--test",
        metavar="SOURCE",
        show_default="a tenth of SOURCE, unless it has a test part",
        help="Use the labelled texts of this other source as the test split.",
    ),
    option(
        "--validation",
        metavar="SOURCE",
        show_default="a tenth of SOURCE, unless it has a validation part",
        help="Use the labelled texts of this other source as the validation split.",
    ),
    option(
        "--group-column",
        metavar="NAME",
        help="Column of a group, such as author or product. Texts of one group stay in the same split.",
    ),
    option(
        "--unlabelled",
        metavar="PATH",
        help="Add the unlabelled texts of a folder, table, .txt file or aclImdb, for pretrain and --teacher.",
    ),
    option(
        "--seed",
        type=int,
        metavar="N",
        default=DEFAULT_SEED,
        show_default=True,
        help="Seed of the random splits.",
    ),
)
@source_options
@on_error_option
@option(
    "--processes",
    type=click.IntRange(min=1),
    metavar="N",
    show_default="one for each core",
    help="Number of processes that clean the texts.",
)
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
    """Clean, split and tokenize labelled texts.

    It reads the labelled texts of SOURCE and writes a new folder DATA_DIR, from which the training commands
    read. SOURCE is one of:

    \b
    - a table: .csv, .tsv, .jsonl, .json, .parquet or .arrow, or one of them as
      .gz, .bz2, .xz, .zst or .zip; or a quoted pattern of tables
    - a folder of tables whose names begin with train, validation and test
    - a folder with one subfolder of .txt files for each label
    - a folder written by save_to_disk of Hugging Face's datasets
    - the folder or the .tar.gz of aclImdb; the word imdb downloads it
    - the word sample: 25,000 of its film reviews, from an installed package
    - the sign - for a table on standard input
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
    if not quiet:
        train = "pretrain" if unlabelled else "train-transformer"
        say(f"Wrote {data_dir}. Next: keras-sentiment {train} {shell(data_dir)} NEW_RUN_DIR")


if __name__ == "__main__":
    run_command(prepare)
