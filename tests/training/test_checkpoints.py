"""Checkpoints as training goes: how many stay, what is not resumed, how a signal ends it."""

import dataclasses
import os
import signal

import keras_hub
import numpy as np
import pytest

from helpers.resumption import BACKEND, Killed, assert_same, prepared, steps_of, train
from helpers.tiny import make_corpus
from keras_sentiment.errors import InputError
from keras_sentiment.runs.run import open_run
from keras_sentiment.storage.locks import lock, unlock
from keras_sentiment.training.checkpoint_file import Checkpoint
from keras_sentiment.training.checkpoints import Interrupted
from keras_sentiment.training.run_writer import new_run
from keras_sentiment.training_config import CheckpointConfig


@pytest.fixture
def foreground():
    """Ctrl-C counts, even where tests run in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.once)])
def test_a_signal_ends_the_step_and_saves(small_corpus, recipes, whole, tmp_path, foreground, number):
    recipe, before = recipes["transformer"], signal.getsignal(number)
    step = steps_of(small_corpus, recipe) + 2

    def ask():
        signal.raise_signal(number)

    with pytest.raises(Interrupted, match=rf"{tmp_path / 'run'} is saved .* of epoch 2.*--resume") as raised:
        train(small_corpus, recipe, tmp_path / "run", step, ask, checkpoints=CheckpointConfig(10_000))
    assert raised.value.number == number
    assert signal.getsignal(number) == before
    saved = sorted((tmp_path / "run" / "checkpoints").glob("step-*"))[-1]
    # tensorflow may go on for a few steps, to where its batches may begin.
    assert Checkpoint.read(saved).state["epoch"] == 1
    assert Checkpoint.read(saved).state["step"] >= 2
    if BACKEND != "tensorflow":
        assert Checkpoint.read(saved).state["step"] == 2
    assert_same(train(small_corpus, recipe, tmp_path / "run", resume=True), whole("transformer"))
    assert signal.getsignal(number) == before


@pytest.mark.once
def test_the_second_signal_ends_it_at_once(small_corpus, recipes, tmp_path, foreground):
    def insist():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as raised:
        train(small_corpus, recipes["transformer"], tmp_path / "run", 1, insist)
    assert not isinstance(raised.value, Interrupted)


@pytest.mark.once
def test_no_more_checkpoints_stay_than_asked_for(small_corpus, recipes, tmp_path):
    recipe = recipes["transformer"]
    with pytest.raises(Killed):
        train(
            small_corpus,
            recipe,
            tmp_path / "run",
            2 * steps_of(small_corpus, recipe),
            checkpoints=CheckpointConfig(1, 3),
        )
    names = sorted(item.name for item in (tmp_path / "run" / "checkpoints").iterdir())
    assert sum(name.startswith("step") for name in names) == 3
    assert sum(name.startswith("best") for name in names) + 3 == len(
        set(names) - {"adapted.npz", "trained_on.npy"}
    )


@pytest.mark.once
@pytest.mark.parametrize("state", [{"step": 10**30}, {"epoch": -5}, {"rows": [{}]}, {"stopping": {"x": 1}}])
def test_a_state_of_no_training_is_told(small_corpus, recipes, whole, tmp_path, capsys, state):
    with pytest.raises(Killed):
        train(small_corpus, recipes["transformer"], tmp_path / "run", 3, checkpoints=CheckpointConfig(1, 2))
    *_, last = sorted((tmp_path / "run" / "checkpoints").glob("step-*"))
    found = Checkpoint.read(last)
    Checkpoint(found.arrays, {**found.state, **state}).write(last)
    assert_same(
        train(small_corpus, recipes["transformer"], tmp_path / "run", resume=True), whole("transformer")
    )
    assert f"{last.name}: the checkpoint is damaged; the one before it is used" in capsys.readouterr().err


@pytest.mark.once
def test_what_was_begun_otherwise_is_not_resumed(small_corpus, recipes, tmp_path):
    recipe, path = recipes["transformer"], tmp_path / "run"
    with pytest.raises(Killed):
        train(small_corpus, recipe, path, 5, limit=80)
    other = make_corpus(tmp_path / "other", 121)
    for changed, data, limit, expected in (
        (recipe.replace(epochs=2), small_corpus, 80, "epochs 3, not 2"),
        (recipe.replace(seed=2), small_corpus, 80, "seed 1337, not 2"),
        (recipe.replace(num_layers=1), small_corpus, 80, "num_layers 2, not 1"),
        (
            recipe.replace(precision="mixed_bfloat16"),
            small_corpus,
            80,
            "precision float32, not mixed_bfloat16",
        ),
        (recipe, other, 80, "fingerprint"),
        (recipe, small_corpus, None, "with 80 train reviews, not 96"),
    ):
        with pytest.raises(InputError, match=expected):
            prepared(data, changed, path, resume=True, limit=limit)
    with pytest.raises(InputError, match=f"begun with backend {BACKEND}, not theano"):
        new_run(path, small_corpus, recipe, "theano", "float32", resume=True)
    (path / "notes.txt").touch()
    with pytest.raises(InputError, match="something other than a run"):
        prepared(small_corpus, recipe, path, resume=True, limit=80)


@pytest.mark.once
def test_a_preset_that_has_changed_is_told(small_corpus, recipes, tmp_path):
    recipe = recipes["bert"]
    with pytest.raises(Killed):
        train(small_corpus, recipe, tmp_path / "run", 5)
    backbone = keras_hub.models.Backbone.from_preset(recipe.model.preset)
    before = backbone.get_weights()
    try:
        backbone.set_weights([weight + 0.1 for weight in before])
        backbone.save_to_preset(recipe.model.preset)
        with pytest.raises(InputError, match="frozen weights differ"):
            prepared(small_corpus, recipe, tmp_path / "run", resume=True)
    finally:
        backbone.set_weights(before)
        backbone.save_to_preset(recipe.model.preset)


@pytest.mark.once
def test_a_complete_run_stays_until_the_next_is_complete(small_corpus, recipes, tmp_path):
    recipe, path = recipes["transformer"], tmp_path / "run"
    weights = train(small_corpus, recipe, path)[0]

    def begun():
        return dataclasses.replace(new_run(path, small_corpus, recipe, BACKEND, "float32", overwrite=True))

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
    train(small_corpus, recipe, path, resume=True)
    assert not (path / "previous").exists()
    assert open_run(path).complete
