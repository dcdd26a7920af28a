"""What the tests of commands share, made once a session."""

import csv

import pytest
from click.testing import CliRunner

from helpers.command_line import SMALL
from helpers.tiny import TOKENIZER, reviews
from keras_sentiment.scripts.command_line import commands


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A table of reviews, and the vocabulary that it is made of."""
    folder = tmp_path_factory.mktemp("commands")
    TOKENIZER.save(folder / "words")
    with (folder / "films.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *((r.text, r.label) for r in reviews(120))])
    return folder


@pytest.fixture(scope="session")
def path(folder):
    """The folder after prepare and train-transformer; not to be written to."""
    runner = CliRunner()
    for arguments in (
        ["prepare", "films.csv", "data", "--tokenizer", "words", "--quiet"],
        ["train-transformer", "data", "run", "--epochs", "3", *SMALL],
    ):
        places = [str(folder / a) if a in ("films.csv", "data", "words", "run") else a for a in arguments]
        result = runner.invoke(commands, places, catch_exceptions=False)
        assert result.exit_code == 0, result.output
    return folder
