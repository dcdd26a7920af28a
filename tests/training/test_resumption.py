"""An interrupted and resumed training ends as an uninterrupted one."""

import dataclasses
import functools
import itertools
import os
import random
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

from helpers.tiny import MODEL, RECIPE, TOKENIZER, fit_all, make_bert_preset, make_corpus
from keras_sentiment.batches.review_batches import ReviewBatches
from keras_sentiment.config import BertConfig, CheckpointConfig
from keras_sentiment.models.bert import build_bert
from keras_sentiment.models.transformer import build_transformer
from keras_sentiment.recipes import Recipe
from keras_sentiment.runs.run import open_run
from keras_sentiment.training import adaptation
from keras_sentiment.training.checkpoint_file import Checkpoint
from keras_sentiment.training.finish import finish
from keras_sentiment.training.fit import prepare_fit, start_run

BACKEND = keras.backend.backend()
# Whatever is random takes part: it has to go on where it was.
DROPPED = dataclasses.replace(
    MODEL, embedding_dropout=0.2, dropout=0.2, attention_dropout=0.1, head_dropout=0.3
)
EPOCHS, EVERY = 3, 3


class Killed(Exception):
    """Ends a training as a kill would: nobody has a chance to save."""


class Kill(keras.callbacks.Callback):
    """Does something before a step, counted from the beginning of the run, or in its validation."""

    def __init__(self, fit, step, action=None, validating=False):
        super().__init__()
        self.fit, self.at, self.validating, self.async_safe = fit, step, validating, True
        self.action = action

    def act(self):
        if self.action is None:
            raise Killed
        _ = self.model  # asked for, it takes assignments up on jax too
        self.action()

    def on_train_batch_begin(self, batch, logs=None):
        train = self.fit.train
        self.now = train.epoch * train.steps + train.first + batch
        if self.now == self.at and not self.validating:
            self.act()

    def on_test_batch_begin(self, batch, logs=None):
        if self.validating and self.now + 1 >= self.at:
            self.act()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return make_corpus(tmp_path_factory.mktemp("resumption") / "data", 120)


@pytest.fixture(scope="module")
def recipes(tmp_path_factory):
    folder = make_bert_preset(tmp_path_factory.mktemp("preset"))
    # One length of rows: jax and tensorflow compile few shapes.
    inputs = dataclasses.replace(RECIPE.inputs, sequence_length=24)
    settings = dataclasses.replace(RECIPE.training, epochs=EPOCHS, patience=0)
    bert = BertConfig(preset=folder, trainable_blocks=1, dropout=0.2, ngram_buckets=64)
    return {
        "transformer": Recipe(DROPPED, inputs, dataclasses.replace(settings, word_dropout=0.2)),
        "bert": Recipe(bert, inputs, settings),
        "cached": Recipe(dataclasses.replace(bert, cache_frozen=True), inputs, settings),
    }


def prepared(corpus, recipe, path, resume=False, limit=None, **options):
    run = start_run(path, corpus, recipe, resume=resume)
    if isinstance(recipe.model, BertConfig):
        model = build_bert(recipe.model, 24, 2)
    else:
        model = build_transformer(recipe.model, TOKENIZER.vocabulary_size, 24, 2)
    options = {"checkpoints": CheckpointConfig(EVERY), **options}
    return prepare_fit(model, corpus, run, limit, quiet=True, **options)


def train(corpus, recipe, path, step=None, action=None, validating=False, **options):
    """Trains until it is interrupted before a step, or to the end; gives the weights and the history then."""
    fit = prepared(corpus, recipe, path, **options)
    fit_all(fit, [] if step is None else [Kill(fit, step, action, validating)])
    run = finish(fit, corpus)
    figures = [
        {name: value for name, value in row.items() if "second" not in name}
        for row in fit.checkpoints._record.rows
    ]
    return [run.load_model().get_weights(), figures, run.config]


@pytest.fixture(scope="module")
def whole(corpus, recipes, tmp_path_factory):
    """Gives what a recipe comes to when nobody interrupts it."""
    path = tmp_path_factory.mktemp("whole")
    return functools.cache(lambda name: train(corpus, recipes[name], path / name))


def steps_of(corpus, recipe):
    config, inputs = recipe.training, recipe.inputs
    split, rest = corpus.splits["train"], (config.batch_size, config.seed, config.word_dropout)
    return ReviewBatches(split, TOKENIZER, inputs, *rest).steps


def assert_same(found, expected):
    for one, two in zip(found[0], expected[0], strict=True):
        np.testing.assert_array_equal(one, two)
    assert found[1:] == expected[1:]


@pytest.mark.once
def test_what_a_run_took_from_its_texts_is_not_fitted_again(corpus, recipes, whole, tmp_path, monkeypatch):
    """Another machine might fit other last digits. What is damaged is."""
    recipe, path, expected = recipes["transformer"], tmp_path / "run", whole("transformer")
    fitted = []
    for place, name in ((adaptation, "adapt_ngrams"), (adaptation, "adapt_embeddings")):
        fit = getattr(place, name)
        monkeypatch.setattr(
            place, name, lambda *arguments, name=name, fit=fit: fitted.append(name) or fit(*arguments)
        )
    with pytest.raises(Killed):
        train(corpus, recipe, path, EVERY + 2)
    assert fitted == ["adapt_ngrams", "adapt_embeddings"]
    with pytest.raises(Killed):
        train(corpus, recipe, path, EVERY + 3, resume=True)
    assert len(fitted) == 2
    (path / "checkpoints" / "adapted.npz").write_bytes(b"damaged")
    assert_same(train(corpus, recipe, path, resume=True), expected)
    assert len(fitted) == 4


@pytest.mark.parametrize("name", ["transformer", "bert", pytest.param("cached", marks=pytest.mark.once)])
def test_killed_and_resumed_it_ends_the_same(corpus, recipes, whole, tmp_path, name):
    """Within an epoch, in validation, between epochs, at an epoch's last step; one after another."""
    recipe, path = recipes[name], tmp_path / "run"
    steps = steps_of(corpus, recipe)
    assert steps > 2 * EVERY
    kills = [(EVERY + 2, False), (steps, True), (steps, False), (2 * steps - 1, False)]
    for step, validating in kills if BACKEND == "torch" else kills[:2]:  # elsewhere each compiles anew
        with pytest.raises(Killed):
            train(corpus, recipe, path, step, validating=validating, resume=path.exists())
        assert not (path / "model.keras").exists()
    assert_same(train(corpus, recipe, path, resume=True), whole(name))
    assert not (path / "checkpoints").exists()


@pytest.mark.once
def test_killed_before_the_first_checkpoint_it_begins_anew(corpus, recipes, whole, tmp_path):
    with pytest.raises(Killed):
        train(corpus, recipes["transformer"], tmp_path / "run", 1)
    assert_same(train(corpus, recipes["transformer"], tmp_path / "run", resume=True), whole("transformer"))


@pytest.mark.once
def test_a_damaged_checkpoint_is_passed_over(corpus, recipes, whole, tmp_path):
    recipe, path = recipes["transformer"], tmp_path / "run"
    with pytest.raises(Killed):
        train(corpus, recipe, path, 2 * steps_of(corpus, recipe) - 1)
    older, newest = sorted((path / "checkpoints").glob("step-*"))
    content = newest.read_bytes()
    newest.write_bytes(content[: len(content) // 2])
    fit = prepared(corpus, recipe, path, resume=True)
    assert fit.checkpoints._found.state == Checkpoint.read(older).state
    assert_same(train(corpus, recipe, path, resume=True), whole("transformer"))


@pytest.mark.once
def test_patience_is_remembered(corpus, recipes, tmp_path):
    """Nothing is learned, so the first epoch stays the best one, and the fourth ends it."""
    recipe = recipes["transformer"].replace(epochs=9, patience=3, learning_rate=1e-30)
    steps = steps_of(corpus, recipe)
    for step in (2 * steps + 1, 3 * steps + 2):
        with pytest.raises(Killed):
            train(corpus, recipe, tmp_path / "run", step, resume=step > 3 * steps)
    figures = train(corpus, recipe, tmp_path / "run", resume=True)[1]
    assert [row["epoch"] for row in figures] == [1, 2, 3, 4]


@pytest.mark.once
def test_killed_after_its_last_step_only_saving_is_left(corpus, recipes, whole, tmp_path, monkeypatch):
    for best in (True, False):
        recipe = recipes["transformer"].replace(restore_best_weights=best)
        fit = prepared(corpus, recipe, tmp_path / str(best))
        fit_all(fit)
        fit = prepared(corpus, recipe, tmp_path / str(best), resume=True)
        assert list(fit.calls()) == []
        again = finish(fit, corpus)
        expected = train(corpus, recipe, tmp_path / f"whole {best}")
        for one, two in zip(again.load_model().get_weights(), expected[0], strict=True):
            np.testing.assert_array_equal(one, two)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["transformer", "bert"])
def test_killed_at_random_moments(recipes, tmp_path, name):
    """By SIGKILL, from outside; checkpoints are written after every step, so that it hits them too."""
    kills, recipe = int(os.environ.get("KILLS", "20")), recipes[name]
    corpus = make_corpus(tmp_path / "data", 2000)  # a dozen steps an epoch
    command = [sys.executable, "-m", f"keras_sentiment.scripts.train_{name}", corpus.path]
    options = ["--epochs", "40", "--checkpoint-steps", "1", "--sequence-length", "24", "--quiet"]
    options += ["--set", "ngram_buckets=64"]
    if name == "bert":
        options += ["--preset", recipe.model.preset, "--trainable-blocks", "1"]
    process = subprocess.run([*command, tmp_path / "whole", *options], check=False)
    assert process.returncode == 0
    expected, rng, killed = open_run(tmp_path / "whole").load_model().get_weights(), random.Random(1), 0
    for attempt in itertools.count():
        process = subprocess.Popen([*command, tmp_path / "run", *options, "--resume"])
        before = time.monotonic()
        checkpoints = tmp_path / "run" / "checkpoints"
        seen = {item.name for item in checkpoints.glob("step-*")}
        # From the moment on at which this process writes its first checkpoint.
        while process.poll() is None and {item.name for item in checkpoints.glob("step-*.npz")} <= seen:
            assert time.monotonic() < before + 300
            time.sleep(0.01)
        if killed < kills:
            time.sleep(rng.random() * 0.25)
            process.kill()
        code = process.wait(600)
        killed += code == -signal.SIGKILL
        if code == 0:
            break
        assert code == -signal.SIGKILL
        assert attempt < 10 * kills
    assert killed == kills
    for one, two in zip(open_run(tmp_path / "run").load_model().get_weights(), expected, strict=True):
        np.testing.assert_array_equal(one, two)
