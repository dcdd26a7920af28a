"""Recipes times seeds: what is trained once is not trained again, and the table says what the runs say."""

import csv
import re
import subprocess
import sys

import pytest

from helpers.tiny import make_corpus
from keras_sentiment.config import DEFAULT_SEED
from keras_sentiment.errors import InputError
from keras_sentiment.training.sweep import read_candidates, run_all, run_dir, table

pytestmark = pytest.mark.once

SMALL = """
command = "train-transformer"
num_layers = 1
num_heads = 2
hidden_dim = 8
intermediate_dim = 8
sequence_length = 40
ngram_buckets = 64
min_steps = 0
"""


@pytest.fixture
def recipes(tmp_path):
    def write(text):
        (tmp_path / "recipes.toml").write_text(text)
        return tmp_path / "recipes.toml"

    return write


def test_every_recipe_is_trained_once(recipes, tmp_path, capfd):
    corpus, out = make_corpus(tmp_path / "data", 60), tmp_path / "out"
    more = f"epochs = 2\npatience = 0\n[broken]{SMALL}learning_rate = 1e30"
    candidates = read_candidates(recipes(f'[plain]{SMALL}\n["two epochs"]{SMALL}{more}'))
    failed = run_all(candidates, [DEFAULT_SEED], corpus, out)
    assert failed == [str(out / "broken" / f"seed-{DEFAULT_SEED}")]
    said = [line for line in capfd.readouterr().err.splitlines() if " with seed " in line]
    names = [f"Training {each.name} with seed {DEFAULT_SEED} into {out}/" for each in candidates]
    assert [line.startswith(name) for line, name in zip(said, names, strict=True)] == [True] * 3
    rows = [re.split(" {2,}", line) for line in table(candidates, [DEFAULT_SEED], corpus, out).splitlines()]
    assert [(row[0], row[1]) for row in rows[2:]] == [("plain", "1"), ("two epochs", "1"), ("broken", "0")]
    for candidate, row in zip(candidates[:2], rows[2:], strict=False):
        with (run_dir(out, candidate, DEFAULT_SEED) / "history.csv").open() as file:
            history = [
                {name: float(value) for name, value in epoch.items()} for epoch in csv.DictReader(file)
            ]
        kept = min(history, key=lambda epoch: epoch["val_loss"])
        accuracy, loss = f"{kept['val_accuracy']:.4f}", f"{kept['val_loss']:.4f}"
        assert row[2:6] == [accuracy, accuracy, accuracy, loss]
        assert float(row[6]) == pytest.approx(sum(epoch["seconds"] for epoch in history), abs=0.6)
    assert len(history) == 2
    run_all(candidates[:2], [DEFAULT_SEED], corpus, out)
    assert capfd.readouterr().err == ""
    # In a process of its own, that has seen no model of ours: nothing is left to train, and the table comes.
    recipes(f"[plain]{SMALL}")
    module = "keras_sentiment.scripts.compare_recipes"
    words = [corpus.path, out, tmp_path / "recipes.toml", "--seeds", "1"]
    command = [sys.executable, "-m", module, *map(str, words)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert printed.splitlines() == table(candidates[:1], [DEFAULT_SEED], corpus, out).splitlines()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names no recipe"),
        ("[a", "can't be read as TOML"),
        ("[a]\nepochs = 2", "[a] needs a command, one of train-transformer, train-bert"),
        ("a = 2", "[a] needs a command"),
        ('["../a"]\ncommand = "train-bert"', "can't be the name of a folder"),
        ('[a]\ncommand = "train-bert"\nepoch = 2', "[a] no hyperparameter is named epoch"),
        ('[a]\ncommand = "train-bert"\nepochs = "2"', "[a] epochs must be of type int"),
        ('[a]\ncommand = "train-bert"\nrecipe = "sed"', "[a] recipe must be one of default, reference"),
    ],
)
def test_a_file_that_says_nonsense_is_told(recipes, text, message):
    path = recipes(text)
    with pytest.raises(InputError) as raised:
        read_candidates(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
