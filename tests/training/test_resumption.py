"""An interrupted and resumed training ends as an uninterrupted one."""

import itertools
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from helpers.resumption import BACKEND, EVERY, Killed, assert_same, prepared, steps_of, train
from helpers.tiny import fit_all, make_corpus
from keras_sentiment.runs.run import open_run
from keras_sentiment.training import adaptation
from keras_sentiment.training.checkpoint_file import Checkpoint
from keras_sentiment.training.finish import finish


@pytest.mark.once
def test_what_a_run_took_from_its_texts_is_not_fitted_again(
    small_corpus, recipes, whole, tmp_path, monkeypatch
):
    """Another machine might fit other last digits. What is damaged is."""
    recipe, path, expected = recipes["transformer"], tmp_path / "run", whole("transformer")
    fitted = []
    for place, name in ((adaptation, "adapt_ngrams"), (adaptation, "adapt_embeddings")):
        fit = getattr(place, name)
        monkeypatch.setattr(
            place, name, lambda *arguments, name=name, fit=fit: fitted.append(name) or fit(*arguments)
        )
    with pytest.raises(Killed):
        train(small_corpus, recipe, path, EVERY + 2)
    assert fitted == ["adapt_ngrams", "adapt_embeddings"]
    with pytest.raises(Killed):
        train(small_corpus, recipe, path, EVERY + 3, resume=True)
    assert len(fitted) == 2
    (path / "checkpoints" / "adapted.npz").write_bytes(b"damaged")
    assert_same(train(small_corpus, recipe, path, resume=True), expected)
    assert len(fitted) == 4


@pytest.mark.parametrize(
    "name", ["transformer", *(pytest.param(name, marks=pytest.mark.once) for name in ("bert", "cached"))]
)
def test_killed_and_resumed_it_ends_the_same(small_corpus, recipes, whole, tmp_path, name):
    """Within an epoch, in validation, between epochs, at an epoch's last step; one after another."""
    recipe, path = recipes[name], tmp_path / "run"
    steps = steps_of(small_corpus, recipe)
    assert steps > 2 * EVERY
    kills = [(EVERY + 2, False), (steps, True), (steps, False), (2 * steps - 1, False)]
    for step, validating in kills if BACKEND == "torch" else kills[:2]:  # elsewhere each compiles anew
        with pytest.raises(Killed):
            train(small_corpus, recipe, path, step, validating=validating, resume=path.exists())
        assert not (path / "model.keras").exists()
    assert_same(train(small_corpus, recipe, path, resume=True), whole(name))
    assert not (path / "checkpoints").exists()


@pytest.mark.once
def test_killed_before_the_first_checkpoint_it_begins_anew(small_corpus, recipes, whole, tmp_path):
    with pytest.raises(Killed):
        train(small_corpus, recipes["transformer"], tmp_path / "run", 1)
    assert_same(
        train(small_corpus, recipes["transformer"], tmp_path / "run", resume=True), whole("transformer")
    )


@pytest.mark.once
def test_a_damaged_checkpoint_is_passed_over(small_corpus, recipes, whole, tmp_path):
    recipe, path = recipes["transformer"], tmp_path / "run"
    with pytest.raises(Killed):
        train(small_corpus, recipe, path, 2 * steps_of(small_corpus, recipe) - 1)
    older, newest = sorted((path / "checkpoints").glob("step-*"))
    content = newest.read_bytes()
    newest.write_bytes(content[: len(content) // 2])
    fit = prepared(small_corpus, recipe, path, resume=True)
    assert fit.checkpoints._found.state == Checkpoint.read(older).state
    assert_same(train(small_corpus, recipe, path, resume=True), whole("transformer"))


@pytest.mark.once
def test_patience_is_remembered(small_corpus, recipes, tmp_path):
    """Nothing is learned, so the first epoch stays the best one, and the fourth ends it."""
    recipe = recipes["transformer"].replace(epochs=9, patience=3, learning_rate=1e-30)
    steps = steps_of(small_corpus, recipe)
    for step in (2 * steps + 1, 3 * steps + 2):
        with pytest.raises(Killed):
            train(small_corpus, recipe, tmp_path / "run", step, resume=step > 3 * steps)
    figures = train(small_corpus, recipe, tmp_path / "run", resume=True)[1]
    assert [row["epoch"] for row in figures] == [1, 2, 3, 4]


@pytest.mark.once
def test_killed_after_its_last_step_only_saving_is_left(small_corpus, recipes, whole, tmp_path, monkeypatch):
    for best in (True, False):
        recipe = recipes["transformer"].replace(restore_best_weights=best)
        fit = prepared(small_corpus, recipe, tmp_path / str(best))
        fit_all(fit)
        fit = prepared(small_corpus, recipe, tmp_path / str(best), resume=True)
        assert list(fit.calls()) == []
        again = finish(fit, small_corpus)
        expected = train(small_corpus, recipe, tmp_path / f"whole {best}")
        for one, two in zip(again.load_model().get_weights(), expected[0], strict=True):
            np.testing.assert_array_equal(one, two)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["transformer", "bert"])
def test_killed_at_random_moments(recipes, tmp_path, name):
    """By SIGKILL, from outside; checkpoints are written after every step, so that it hits them too."""
    kills, recipe = int(os.environ.get("KILLS", "20")), recipes[name]
    small_corpus = make_corpus(tmp_path / "data", 2000)  # a dozen steps an epoch
    command = [sys.executable, "-m", f"keras_sentiment.scripts.train_{name}", small_corpus.path]
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
