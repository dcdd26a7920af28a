"""Callbacks of `fit`: a loss that is no number, steps that are skipped."""

import numpy as np
import pytest

from helpers.resumption import BACKEND, EVERY, Kill, prepared
from helpers.tiny import TOKENIZER, fit_all
from keras_sentiment.errors import InputError
from keras_sentiment.models.transformer import build_transformer
from keras_sentiment.training.checkpoint_file import Checkpoint
from keras_sentiment.training.fit import prepare_fit, start_run


@pytest.mark.parametrize("epoch", [0, pytest.param(1, marks=pytest.mark.once)])
def test_loss_that_is_no_number_stops_it_and_names_the_reviews(small_corpus, recipes, tmp_path, epoch):
    recipe, path = recipes["transformer"], tmp_path / "run"
    fit = prepared(small_corpus, recipe, path)
    step = epoch * fit.train.steps + EVERY + 1

    def spoil():
        kernel = fit.model.get_layer("logits").kernel
        kernel.assign(np.full(kernel.shape, np.nan))

    with pytest.raises(InputError) as raised:
        fit_all(fit, [Kill(fit, step, spoil)])
    message = str(raised.value)
    assert f"not a number at step {EVERY + 2} of epoch {epoch + 1}" in message
    rows, _ = fit.train._plan[EVERY + 1]
    sources = [record.source for record in small_corpus.splits["train"].records()]
    named = [sources[row] for row in sorted(rows)]
    assert f"its {len(named)} reviews are {', '.join(named[:20])}" in message
    assert "\n" not in message
    # The last good state is still there.
    newest = Checkpoint.read(sorted((path / "checkpoints").glob("step-*"))[-1])
    assert (newest.state["epoch"], newest.state["step"]) == (epoch, EVERY)
    assert all(np.isfinite(a).all() for name, a in newest.arrays.items() if name.startswith("model"))


@pytest.mark.xfail(
    BACKEND == "jax", raises=InputError, reason="refused: jax cannot compile float16 products on a CPU"
)
def test_skipped_steps_are_counted(small_corpus, recipes, tmp_path, capsys):
    recipe = recipes["transformer"].replace(precision="mixed_float16", epochs=1)
    run = start_run(tmp_path / "run", small_corpus, recipe)
    model = build_transformer(recipe.model, TOKENIZER.vocabulary_size, 24, 2)
    fit = prepare_fit(model, small_corpus, run)
    fit_all(fit, [Kill(fit, 0, lambda: fit.model.optimizer.dynamic_scale.assign(2.0**60))])
    skipped = fit.train.steps - int(fit.model.optimizer.iterations)
    assert skipped > 0
    assert f"; {skipped} steps skipped so far" in capsys.readouterr().err
