"""Texts without labels, a learned vocabulary, hidden tokens, and a classifier that starts from them."""

import dataclasses

import keras
import numpy as np
import pytest

from helpers.tiny import INPUTS, MODEL, TOKENIZER, TRAINING, fit_all, make_split, reviews, train
from keras_sentiment.batches.masked_batches import MaskedBatches
from keras_sentiment.config import MaskedLMConfig, PrepareConfig
from keras_sentiment.data.corpus import open_corpus
from keras_sentiment.data.preparation import prepare_corpus, summarize
from keras_sentiment.data.readers.sources import read_unlabelled
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


def unlabelled(count, seed=1):
    return [review._replace(label="", part=None) for review in reviews(count, seed)]


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


@pytest.mark.once
def test_unlabelled_texts_come_from_anywhere(tmp_path):
    folder = tmp_path / "aclImdb"
    for name, text in {
        "train/unsup/10_0.txt": "ten",
        "train/unsup/9_0.txt": "nine",
        "train/pos/1_9.txt": "x",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (tmp_path / "lines.txt").write_text("nine\nten\n")
    (tmp_path / "films.csv").write_text("review,label\nnine,pos\nten,\n")
    for source in (folder, folder / "train", folder / "train" / "unsup", tmp_path / "lines.txt"):
        found = list(read_unlabelled(source))
        assert [(review.text, review.label) for review in found] == [("nine", ""), ("ten", "")], source
    config = PrepareConfig(text_column="review")
    assert [review.text for review in read_unlabelled(tmp_path / "films.csv", config)] == ["nine", "ten"]
    (tmp_path / "films.xlsx").write_text("")
    (tmp_path / "empty").mkdir()
    for name, message in (
        ("none", "no such file"),
        ("films.xlsx", "unknown kind"),
        ("empty", r"no \.txt files"),
    ):
        with pytest.raises(InputError, match=message):
            list(read_unlabelled(tmp_path / name))


@pytest.mark.once
def test_held_out_texts_are_not_among_the_unlabelled(tmp_path):
    named = reviews(60)
    more = (
        [review._replace(label="") for review in named]
        + unlabelled(5, seed=9)
        + [named[0]._replace(text="<br>")]
    )
    info = prepare_corpus(named, tmp_path / "data", TOKENIZER, unlabelled=more, quiet=True)
    corpus = open_corpus(tmp_path / "data")
    known = {text for name in ("validation", "test") for text in corpus.splits[name].texts()}
    found = list(corpus.unlabelled.texts())
    assert not known & set(found)
    assert len(found) == 60 - len(known) + 5 == info["unlabelled"]["reviews"]
    assert set(corpus.unlabelled.labels.tolist()) == {-1}
    assert f"unlabelled         {len(found)} reviews" in summarize(info)


@pytest.mark.once
def test_a_vocabulary_is_learned_from_what_may_be_seen(tmp_path):
    named = reviews(60)
    # A word of its own for each text: those that are held out must not have reached the vocabulary.
    own = [
        review._replace(text=f"{review.text} {chr(97 + i // 26)}{chr(97 + i % 26)}zz")
        for i, review in enumerate(named)
    ]
    prepare_corpus(own, tmp_path / "data", 4000, unlabelled=unlabelled(5), quiet=True)
    corpus = open_corpus(tmp_path / "data")
    words = set(corpus.tokenizer().vocabulary)
    for name, split in corpus.splits.items():
        for text in split.texts():
            assert (text.split()[-1] in words) == (name == "train")
    assert {"good", "film", "[MASK]"} <= words
    again = Tokenizer.load(tmp_path / "data" / "tokenizer")
    assert [ids.tolist() for ids in again.encode(["a good film"])] == [
        ids.tolist() for ids in corpus.tokenizer().encode(["a good film"])
    ]
    with pytest.raises(
        InputError, match=r"vocabulary_size must be at least \d+.* Received: vocabulary_size=9"
    ):
        prepare_corpus(own, tmp_path / "small", 9, quiet=True)
    assert not (tmp_path / "small").exists()


@pytest.mark.once
def test_masks_hide_what_is_to_be_found_and_nothing_else():
    split = make_split([30] * 200)
    batches = MaskedBatches(split, TOKENIZER, INPUTS, 100, seed=1, mask_rate=0.2)
    plain = batches.inputs_of(np.arange(100), 40)
    rng = np.random.default_rng(0)
    inputs, tokens, weights = batches._hide(plain, rng)
    positions = inputs["mask_positions"]
    assert tokens.shape == weights.shape == positions.shape == (100, 8)
    np.testing.assert_array_equal(tokens, np.take_along_axis(plain["token_ids"], positions, axis=1))
    assert weights.sum(axis=1).tolist() == [6] * 100  # a fifth of 30, not of 32 or 40
    changed = inputs["token_ids"] != plain["token_ids"]
    counted = np.zeros_like(changed)
    np.put_along_axis(counted, positions, weights > 0, axis=1)
    assert not changed[~counted].any()
    assert not counted[
        np.isin(plain["token_ids"], [TOKENIZER.pad_id, TOKENIZER.cls_id, TOKENIZER.sep_id])
    ].any()
    hidden = (inputs["token_ids"] == TOKENIZER.mask_id)[counted].mean()
    assert 0.7 < hidden < 0.9
    assert hidden < changed[counted].mean() < 0.98
    first = batches[0][0]["token_ids"]
    np.testing.assert_array_equal(first, batches[0][0]["token_ids"])
    batches.start_epoch(1)
    assert batches[0][0]["token_ids"].shape != first.shape or (batches[0][0]["token_ids"] != first).any()
    with pytest.raises(InputError, match=r"no \[MASK\]"):
        MaskedBatches(split, Tokenizer(TOKENIZER.vocabulary[:4]), INPUTS, 4, mask_rate=0.2)


def test_loss_of_hidden_tokens_is_cross_entropy():
    rng = np.random.default_rng(0)
    logits, tokens = rng.normal(size=(3, 4, 9)).astype("float32"), rng.integers(0, 9, (3, 4))
    expected = keras.ops.sparse_categorical_crossentropy(tokens, logits, from_logits=True)
    np.testing.assert_allclose(masked_lm_loss(tokens, logits), expected, atol=1e-5)


def test_a_classifier_starts_from_the_encoder(corpus, encoder):
    run = open_encoder(encoder, corpus.tokenizer())
    start = run.load_encoder()
    model = build_transformer(MODEL, TOKENIZER.vocabulary_size, INPUTS.sequence_length, 2)
    load_encoder_weights(model, start)
    rows = {"token_ids": np.arange(5, 15, dtype="int32")[None], "padding_mask": np.ones((1, 10), "int32")}
    part = keras.Model(model.input, model.get_layer("final_norm").output)
    np.testing.assert_allclose(part.predict_on_batch(rows), start.predict_on_batch(rows), atol=1e-6)
    assert run.config.trained_reviews == len(corpus.splits["train"]) + len(corpus.unlabelled)
    other = build_transformer(
        dataclasses.replace(MODEL, hidden_dim=16), TOKENIZER.vocabulary_size, INPUTS.sequence_length, 2
    )
    with pytest.raises(InputError, match="pretrained: its encoder is another"):
        load_encoder_weights(other, start)


def test_hidden_tokens_are_learned(corpus, tmp_path):
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


def test_an_encoder_is_no_bundle_and_a_bundle_no_encoder(corpus, encoder, tmp_path):
    with pytest.raises(InputError, match="pretrained encoder, which gives no labels; train-transformer"):
        open_run(encoder)
    with pytest.raises(InputError, match="another vocabulary"):
        open_encoder(encoder, Tokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good"]))
    bundle = train(corpus, tmp_path / "run")
    with pytest.raises(InputError, match="no pretrained encoder"):
        open_encoder(bundle.path, corpus.tokenizer())
