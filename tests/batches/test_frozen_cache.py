"""The frozen part computed once: the same training, the same run, and a disk left as it was."""

import shutil
from collections import namedtuple

import numpy as np
import pytest

from helpers.tiny import TOKENIZER, TRAINING, fit_all, make_bert_preset, make_corpus, make_split
from keras_sentiment.batches.frozen_cache import HiddenStateBatches
from keras_sentiment.batches.review_batches import ReviewBatches
from keras_sentiment.config import BertConfig, InputConfig
from keras_sentiment.errors import InputError
from keras_sentiment.models.bert import build_bert
from keras_sentiment.models.layer_names import LOWER, UPPER
from keras_sentiment.recipes import Recipe
from keras_sentiment.runs.run import open_run
from keras_sentiment.storage.disk_space import require_disk_space
from keras_sentiment.training.finish import finish
from keras_sentiment.training.fit import prepare_fit, start_run

LENGTHS = [3, 9, 30, 14, 60, 22, 5, 41]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return make_corpus(tmp_path_factory.mktemp("activations") / "data", 100)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    folder = make_bert_preset(tmp_path_factory.mktemp("preset"), num_layers=3)
    # Dropout in the backbone: what is frozen must not feel it.
    config = BertConfig(preset=folder, trainable_blocks=1, dropout=0.2, ngram_buckets=64)
    return Recipe(config, InputConfig(sequence_length=32), TRAINING)


def build(recipe):
    return build_bert(recipe.model, recipe.inputs.sequence_length, 2)


def train(corpus, recipe, path, **options):
    run = start_run(path, corpus, recipe)
    fit = prepare_fit(build(recipe), corpus, run, quiet=True, **options)
    fit_all(fit)
    finish(fit, corpus)
    return open_run(path).load_model(), fit.model.history.history


def test_training_from_hidden_states_is_the_same_training(corpus, recipe, tmp_path):
    plain, expected = train(corpus, recipe, tmp_path / "plain")
    cached, found = train(corpus, recipe.replace(cache_frozen=True), tmp_path / "cached")
    np.testing.assert_allclose(found["loss"], expected["loss"], atol=2e-3)
    np.testing.assert_allclose(found["val_loss"], expected["val_loss"], atol=2e-3)
    for ours, theirs in zip(cached.weights, plain.weights, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=5e-3, err_msg=ours.path)
    untrained = build(recipe)
    moved = [
        w.path
        for w, v in zip(cached.weights, untrained.weights, strict=True)
        if np.any(w.numpy() != v.numpy())
    ]
    assert moved
    assert not any(path.startswith(LOWER) for path in moved)
    # Nothing of several times the size of the model stays behind.
    assert not (tmp_path / "cached" / "checkpoints").exists()


def test_batches_are_the_others_with_states_for_ids(recipe, tmp_path):
    reviews = ReviewBatches(make_split(LENGTHS), TOKENIZER, recipe.inputs, 3, seed=1)
    lower = build(recipe).get_layer(LOWER)
    states = HiddenStateBatches(reviews, lower, tmp_path)
    states.open()
    for epoch in (0, 1):
        reviews.start_epoch(epoch)
        states.start_epoch(epoch)
        assert states.num_batches == reviews.num_batches
        for index in range(reviews.num_batches):
            (inputs, labels), (found, same_labels) = reviews[index], states[index]
            np.testing.assert_array_equal(same_labels, labels)
            np.testing.assert_array_equal(found["padding_mask"], inputs["padding_mask"])
            segment_ids = np.zeros_like(inputs["token_ids"])
            expected = lower.predict_on_batch({**inputs, "segment_ids": segment_ids})
            real = inputs["padding_mask"].astype(bool)
            np.testing.assert_allclose(found["hidden_states"][real], expected[real], atol=2e-3)


@pytest.mark.once
def test_file_is_gone_unless_it_is_to_be_kept(recipe, tmp_path):
    reviews = ReviewBatches(make_split(LENGTHS), TOKENIZER, recipe.inputs, 3)
    lower = build(recipe).get_layer(LOWER)
    batches = HiddenStateBatches(reviews, lower, tmp_path)
    size = batches.missing_bytes
    batches.open()
    assert list(tmp_path.iterdir()) == []
    assert np.abs(batches[0][0]["hidden_states"]).max() > 0
    batches.open(keep=True)
    (file,) = tmp_path.iterdir()
    assert size <= file.stat().st_size <= size + 200
    assert batches.missing_bytes == 0


@pytest.mark.once
def test_kept_file_serves_the_same_reviews_and_weights_only(recipe, tmp_path):
    def computed(model, lengths=LENGTHS, inputs=recipe.inputs):
        batches = HiddenStateBatches(
            ReviewBatches(make_split(lengths), TOKENIZER, inputs), model.get_layer(LOWER), tmp_path
        )
        missing = batches.missing_bytes
        batches.open(keep=True)
        return missing > 0

    model = build(recipe)
    assert computed(model)
    assert not computed(model)
    assert not computed(build(recipe))
    assert computed(model, LENGTHS[:-1])
    assert computed(model, inputs=InputConfig(sequence_length=20))
    model.get_layer(LOWER).weights[0].assign(model.get_layer(LOWER).weights[0].numpy() + 1)
    assert computed(model)


@pytest.mark.once
def test_interrupted_computation_leaves_nothing(recipe, tmp_path, monkeypatch):
    reviews = ReviewBatches(make_split(LENGTHS), TOKENIZER, recipe.inputs, 3)
    batches = HiddenStateBatches(reviews, build(recipe).get_layer(LOWER), tmp_path)

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(ReviewBatches, "inputs_of", interrupt)
    with pytest.raises(KeyboardInterrupt):
        batches.open(keep=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.once
def test_disk_without_room_is_refused_before_anything_is_replaced(corpus, recipe, tmp_path, monkeypatch):
    Usage = namedtuple("Usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(100))
    recipe = recipe.replace(cache_frozen=True)
    run = start_run(tmp_path / "run", corpus, recipe)
    with pytest.raises(InputError, match=r"GB free; leave out --cache-frozen") as caught:
        prepare_fit(build(recipe), corpus, run, quiet=True)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()
    require_disk_space(tmp_path / "not" / "there", 100, "all of it", "")


@pytest.mark.once
def test_nothing_frozen_is_nothing_to_cache():
    with pytest.raises(InputError, match="trainable_blocks"):
        BertConfig(trainable_blocks="all", cache_frozen=True)


@pytest.mark.once
def test_texts_that_change_are_nothing_to_cache(recipe):
    with pytest.raises(InputError, match="word_dropout must be 0"):
        recipe.replace(cache_frozen=True, word_dropout=0.1)


def test_upper_part_alone_trains(recipe):
    model = build(recipe)
    upper = {weight.path for weight in model.get_layer(UPPER).trainable_weights}
    assert {weight.path for weight in model.trainable_weights} == upper
