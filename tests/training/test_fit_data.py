"""What trains: draws of reviews and weights of classes."""

import csv
from typing import NamedTuple

import pytest

from helpers.tiny import MODEL, RECIPE, TOKENIZER, fit_all, make_corpus, make_split
from keras_sentiment.errors import InputError
from keras_sentiment.models.transformer import build_transformer
from keras_sentiment.runs.run import Run
from keras_sentiment.training.finish import finish
from keras_sentiment.training.fit import Fit, prepare_fit, start_run
from keras_sentiment.training.fit_data import balanced_weights

# One length of rows, so that jax and tensorflow compile few shapes.
SHORT = RECIPE.replace(sequence_length=32)


class Trained(NamedTuple):
    run: Run
    fit: Fit
    history: list[dict[str, float]]


def prepared(corpus, path, limit=None, **changes):
    recipe = SHORT.replace(**changes)
    run = start_run(path, corpus, recipe)
    model = build_transformer(MODEL, TOKENIZER.vocabulary_size, recipe.inputs.sequence_length, 2)
    return run, prepare_fit(model, corpus, run, limit, quiet=True)


def train(corpus, path, callbacks=(), limit=None, **changes) -> Trained:
    run, fit = prepared(corpus, path, limit, **changes)
    fit_all(fit, callbacks)
    finish(fit, corpus)
    with run.history.open(newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    return Trained(run, fit, rows)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return make_corpus(tmp_path_factory.mktemp("training") / "data")


@pytest.mark.once
def test_limit_draws_in_proportion_and_leaves_validation_whole(corpus, tmp_path):
    _, fit = prepared(corpus, tmp_path / "run", limit=40)
    whole = corpus.splits["train"]
    assert len(fit.train.split) == 40
    assert abs(fit.train.split.labels.sum() - 40 * whole.labels.mean()) <= 1
    assert len(fit.validation.split) == len(corpus.splits["validation"])
    _, other = prepared(corpus, tmp_path / "other", limit=40, seed=5)
    assert list(fit.train.split.texts()) != list(other.train.split.texts())


@pytest.mark.once
def test_limit_below_the_number_of_labels_is_refused(corpus, tmp_path):
    with pytest.raises(InputError, match="limit of 1"):
        prepared(corpus, tmp_path / "run", limit=1)
    # A mistake leaves nothing: the corrected command needs no --overwrite.
    assert not (tmp_path / "run").exists()


def test_class_weights_make_labels_count_alike(corpus, tmp_path):
    labels = [0] * 30 + [1] * 10
    weights = balanced_weights(make_split([5] * 40, labels), 2)
    assert 30 * weights[0] == pytest.approx(10 * weights[1])
    assert sum(weights[label] for label in labels) == pytest.approx(40)
    assert prepared(corpus, tmp_path / "plain")[1].class_weight is None
    weighed = prepared(corpus, tmp_path / "weighed", class_weight=True)[1]
    assert weighed.class_weight == balanced_weights(corpus.splits["train"], 2)
