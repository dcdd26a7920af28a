"""Checkpoints as training goes: how many stay, what is not resumed, how a signal ends it."""

import dataclasses
import functools
import os
import signal

import keras
import keras_hub
import numpy as np
import pytest

from helpers.tiny import MODEL, RECIPE, TOKENIZER, fit_all, make_bert_preset, make_corpus
from keras_sentiment.batches.review_batches import ReviewBatches
from keras_sentiment.config import BertConfig, CheckpointConfig
from keras_sentiment.errors import InputError
from keras_sentiment.models.bert import build_bert
from keras_sentiment.models.transformer import build_transformer
from keras_sentiment.recipes import Recipe
from keras_sentiment.runs.run import open_run
from keras_sentiment.storage.locks import lock, unlock
from keras_sentiment.training.checkpoint_file import Checkpoint
from keras_sentiment.training.checkpoints import Interrupted
from keras_sentiment.training.finish import finish
from keras_sentiment.training.fit import prepare_fit, start_run
from keras_sentiment.training.run_writer import new_run

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


@pytest.fixture
def foreground():
    """Ctrl-C counts, even where tests run in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.once)])
def test_a_signal_ends_the_step_and_saves(corpus, recipes, whole, tmp_path, foreground, number):
    recipe, before = recipes["transformer"], signal.getsignal(number)
    step = steps_of(corpus, recipe) + 2

    def ask():
        signal.raise_signal(number)

    with pytest.raises(Interrupted, match=rf"{tmp_path / 'run'} is saved .* of epoch 2.*--resume") as raised:
        train(corpus, recipe, tmp_path / "run", step, ask, checkpoints=CheckpointConfig(10_000))
    assert raised.value.number == number
    assert signal.getsignal(number) == before
    saved = sorted((tmp_path / "run" / "checkpoints").glob("step-*"))[-1]
    # tensorflow may go on for a few steps, to where its batches may begin.
    assert Checkpoint.read(saved).state["epoch"] == 1
    assert Checkpoint.read(saved).state["step"] >= 2
    if BACKEND != "tensorflow":
        assert Checkpoint.read(saved).state["step"] == 2
    assert_same(train(corpus, recipe, tmp_path / "run", resume=True), whole("transformer"))
    assert signal.getsignal(number) == before


@pytest.mark.once
def test_the_second_signal_ends_it_at_once(corpus, recipes, tmp_path, foreground):
    def insist():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as raised:
        train(corpus, recipes["transformer"], tmp_path / "run", 1, insist)
    assert not isinstance(raised.value, Interrupted)


@pytest.mark.once
def test_no_more_checkpoints_stay_than_asked_for(corpus, recipes, tmp_path):
    recipe = recipes["transformer"]
    with pytest.raises(Killed):
        train(
            corpus, recipe, tmp_path / "run", 2 * steps_of(corpus, recipe), checkpoints=CheckpointConfig(1, 3)
        )
    names = sorted(item.name for item in (tmp_path / "run" / "checkpoints").iterdir())
    assert sum(name.startswith("step") for name in names) == 3
    assert sum(name.startswith("best") for name in names) + 3 == len(set(names) - {"adapted.npz"})


@pytest.mark.once
def test_what_was_begun_otherwise_is_not_resumed(corpus, recipes, tmp_path):
    recipe, path = recipes["transformer"], tmp_path / "run"
    with pytest.raises(Killed):
        train(corpus, recipe, path, 5, limit=80)
    other = make_corpus(tmp_path / "other", 121)
    for changed, data, limit, expected in (
        (recipe.replace(epochs=2), corpus, 80, "epochs 3, not 2"),
        (recipe.replace(seed=2), corpus, 80, "seed 1337, not 2"),
        (recipe.replace(num_layers=1), corpus, 80, "num_layers 2, not 1"),
        (recipe.replace(precision="mixed_bfloat16"), corpus, 80, "precision float32, not mixed_bfloat16"),
        (recipe, other, 80, "fingerprint"),
        (recipe, corpus, None, "with 80 train reviews, not 96"),
    ):
        with pytest.raises(InputError, match=expected):
            prepared(data, changed, path, resume=True, limit=limit)
    with pytest.raises(InputError, match=f"begun with backend {BACKEND}, not theano"):
        new_run(path, corpus, recipe, "theano", "float32", resume=True)
    (path / "notes.txt").touch()
    with pytest.raises(InputError, match="something other than a run"):
        prepared(corpus, recipe, path, resume=True, limit=80)


@pytest.mark.once
def test_a_preset_that_has_changed_is_told(corpus, recipes, tmp_path):
    recipe = recipes["bert"]
    with pytest.raises(Killed):
        train(corpus, recipe, tmp_path / "run", 5)
    backbone = keras_hub.models.Backbone.from_preset(recipe.model.preset)
    before = backbone.get_weights()
    try:
        backbone.set_weights([weight + 0.1 for weight in before])
        backbone.save_to_preset(recipe.model.preset)
        with pytest.raises(InputError, match="frozen weights were others"):
            prepared(corpus, recipe, tmp_path / "run", resume=True)
    finally:
        backbone.set_weights(before)
        backbone.save_to_preset(recipe.model.preset)


@pytest.mark.once
def test_a_complete_run_stays_until_the_next_is_complete(corpus, recipes, tmp_path):
    recipe, path = recipes["transformer"], tmp_path / "run"
    weights = train(corpus, recipe, path)[0]

    def begun():
        return dataclasses.replace(new_run(path, corpus, recipe, BACKEND, "float32", overwrite=True))

    for _ in range(2):  # the second time an incomplete run is in its place
        begun().begin()
        with pytest.raises(InputError, match=r"did not end.*the model before it is in .*previous"):
            open_run(path)
        for one, two in zip(open_run(path / "previous").load_model().get_weights(), weights, strict=True):
            np.testing.assert_array_equal(one, two)
    # A move that was broken off before its last step is ended.
    os.replace(path / "previous" / "config.json", path / "config.json")
    begun().begin()
    open_run(path / "previous").load_model()
    unlock(lock(path))
    train(corpus, recipe, path, resume=True)
    assert not (path / "previous").exists()
    assert open_run(path).complete
