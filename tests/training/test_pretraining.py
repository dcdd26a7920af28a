"""Masked-token pretraining: masked tokens are learned, and a classifier starts from the encoder."""

import dataclasses

import keras
import numpy as np
import pytest

from helpers.masked import unlabelled
from helpers.tiny import INPUTS, MODEL, TOKENIZER, TRAINING, fit_all, reviews, train
from keras_sentiment.config import MaskedLMConfig
from keras_sentiment.data.corpus import open_corpus
from keras_sentiment.data.preparation import prepare_corpus
from keras_sentiment.errors import InputError
from keras_sentiment.models.transformer import build_masked_lm, build_transformer, load_encoder_weights
from keras_sentiment.recipes import Recipe
from keras_sentiment.runs.run import open_encoder, open_run
from keras_sentiment.text.tokenizer import Tokenizer
from keras_sentiment.training.finish import finish_encoder
from keras_sentiment.training.fit import prepare_fit, start_run
from keras_sentiment.training.optimization import masked_lm_loss

SMALL = {field.name: getattr(MODEL, field.name) for field in dataclasses.fields(MODEL)}
RECIPE = Recipe(MaskedLMConfig(**SMALL, mask_rate=0.3), INPUTS, TRAINING)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("pretraining") / "data"
    prepare_corpus(reviews(60), path, TOKENIZER, unlabelled=unlabelled(40), source="made up", quiet=True)
    return open_corpus(path)


def pretrained(corpus, path, **options):
    run = start_run(path, corpus, RECIPE, **options)
    model = build_masked_lm(RECIPE.model, TOKENIZER.vocabulary_size, INPUTS.sequence_length)
    fit = prepare_fit(model, corpus, run, quiet=True)
    fit_all(fit)
    finish_encoder(fit, corpus)
    return fit


@pytest.fixture(scope="module")
def encoder(corpus, tmp_path_factory):
    path = tmp_path_factory.mktemp("encoder") / "run"
    pretrained(corpus, path)
    return path


def test_loss_of_masked_tokens_is_cross_entropy():
    rng = np.random.default_rng(0)
    logits, tokens = rng.normal(size=(3, 4, 9)).astype("float32"), rng.integers(0, 9, (3, 4))
    expected = keras.ops.sparse_categorical_crossentropy(tokens, logits, from_logits=True)
    np.testing.assert_allclose(masked_lm_loss(tokens, logits), expected, atol=1e-5)


def test_a_classifier_starts_from_the_encoder(corpus, encoder):
    run = open_encoder(encoder, corpus.tokenizer())
    start = run.load_model()
    model = build_transformer(MODEL, TOKENIZER.vocabulary_size, INPUTS.sequence_length, 2)
    load_encoder_weights(model, start)
    rows = {"token_ids": np.arange(5, 15, dtype="int32")[None], "padding_mask": np.ones((1, 10), "int32")}
    part = keras.Model(model.input, model.get_layer("final_norm").output)
    np.testing.assert_allclose(part.predict_on_batch(rows), start.predict_on_batch(rows), atol=1e-6)
    assert run.config.trained_reviews == len(corpus.splits["train"]) + len(corpus.unlabelled)
    other = build_transformer(
        dataclasses.replace(MODEL, hidden_dim=16), TOKENIZER.vocabulary_size, INPUTS.sequence_length, 2
    )
    with pytest.raises(InputError, match="pretrained: its encoder does not fit"):
        load_encoder_weights(other, start)


def test_masked_tokens_are_learned(corpus, tmp_path):
    """Reviews are mostly `good` or `bad`: an encoder that reads them finds more than the commonest token."""
    recipe = RECIPE.replace(epochs=60, learning_rate=0.02, decay="constant")
    run = start_run(tmp_path / "run", corpus, recipe)
    model = build_masked_lm(recipe.model, TOKENIZER.vocabulary_size, INPUTS.sequence_length)
    fit = prepare_fit(model, corpus, run, quiet=True)
    before = fit.model.evaluate(fit.validation, verbose=0, return_dict=True)["loss"]
    fit_all(fit)
    ids = np.asarray(corpus.splits["validation"].ids)
    commonest = np.bincount(ids).max() / len(ids)
    after = fit.model.evaluate(fit.validation, verbose=0, return_dict=True)
    assert after["loss"] < 0.8 * before
    assert after["accuracy"] > commonest


@pytest.mark.once
def test_an_encoder_is_no_classifier_and_a_classifier_no_encoder(corpus, encoder, tmp_path):
    with pytest.raises(InputError, match="pretrained encoder, which gives no labels; train-transformer"):
        open_run(encoder)
    with pytest.raises(InputError, match="another vocabulary"):
        open_encoder(encoder, Tokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good"]))
    run = train(corpus, tmp_path / "run")
    with pytest.raises(InputError, match="no pretrained encoder"):
        open_encoder(run.path, corpus.tokenizer())
