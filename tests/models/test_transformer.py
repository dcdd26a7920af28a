"""The small Transformer: padding, tokens, order, layers and training."""

import dataclasses

import keras
import numpy as np
import pytest

from helpers.tiny import INPUTS, MODEL, TOKENIZER, TRAINING, build, make_split
from keras_sentiment.batches.review_batches import ReviewBatches
from keras_sentiment.config import TransformerConfig
from keras_sentiment.errors import InputError
from keras_sentiment.models.encoder_block import EncoderBlock
from keras_sentiment.models.layers import DistinctVotes, LocalBlock, PositionEmbedding
from keras_sentiment.recipes import TRANSFORMER_RECIPES
from keras_sentiment.training.optimization import compile_model

pytestmark = pytest.mark.filterwarnings("ignore:.*was not adapted")  # these tests train without `adapt_model`

REFERENCE_MODEL = dataclasses.replace(
    TRANSFORMER_RECIPES["reference"].model, hidden_dim=8, num_heads=2, intermediate_dim=16
)


def rows(length=12, padding=0, batch=3):
    ids = np.random.default_rng(0).integers(5, TOKENIZER.vocabulary_size, (batch, length)).astype("int32")
    pad = ((0, 0), (0, padding))
    return {"token_ids": np.pad(ids, pad), "padding_mask": np.pad(np.ones_like(ids), pad)}


def test_logits_are_float32_for_each_class():
    logits = build(num_classes=5).predict_on_batch(rows())
    assert logits.shape == (3, 5)
    assert logits.dtype == np.float32


def test_padding_changes_nothing():
    model = build()
    np.testing.assert_allclose(
        model.predict_on_batch(rows()), model.predict_on_batch(rows(padding=9)), atol=1e-5
    )


def test_the_reference_recipe_averages_over_padding_too():
    model = build(REFERENCE_MODEL)
    plain, padded = model.predict_on_batch(rows()), model.predict_on_batch(rows(padding=9))
    assert np.abs(plain - padded).max() > 1e-3


def test_logits_depend_on_tokens_and_their_order():
    model, inputs = build(), rows()
    before = model.predict_on_batch(inputs)
    other = {**inputs, "token_ids": inputs["token_ids"].copy()}
    other["token_ids"][0, 3] = 5 + (other["token_ids"][0, 3] - 4) % 10
    changed = np.abs(model.predict_on_batch(other) - before).max(axis=1) > 1e-6
    assert changed.tolist() == [True, False, False]
    turned = {**inputs, "token_ids": inputs["token_ids"][:, ::-1]}
    assert np.abs(model.predict_on_batch(turned) - before).max() > 1e-6


def test_each_distinct_token_has_the_same_total_weight():
    token_ids = np.array([[7, 8, 7, 9, 7, 0], [5, 6, 0, 0, 0, 0]], "int32")
    mask = np.array([[1, 1, 1, 1, 1, 0], [1, 1, 0, 0, 0, 0]], "int32")
    votes = keras.ops.convert_to_numpy(DistinctVotes()(token_ids, mask))
    third, ninth = 1 / 3, 1 / 9
    expected = [[ninth, third, ninth, third, ninth, 0], [0.5, 0.5, 0, 0, 0, 0]]
    np.testing.assert_allclose(votes, expected, atol=1e-6)


def test_the_average_of_the_embeddings_is_a_bag_of_words():
    """If the last kernel ignores the encoder, logits do not depend on order and repetition."""
    model = build(dataclasses.replace(MODEL, ngrams=0))
    kernel = model.get_layer("logits").kernel
    kernel.assign(np.concatenate([np.zeros((8, 2)), kernel.numpy()[8:]]))
    token_ids = np.array([[5, 6, 7, 8, 8, 8], [8, 7, 6, 5, 5, 6], [5, 6, 7, 9, 9, 9]], "int32")
    logits = model.predict_on_batch({"token_ids": token_ids, "padding_mask": np.ones_like(token_ids)})
    np.testing.assert_allclose(logits[0], logits[1], atol=1e-6)
    assert np.abs(logits[0] - logits[2]).max() > 1e-4


def test_without_positions_order_does_not_matter():
    config = dataclasses.replace(MODEL, position_embedding=False, conv_kernel_size=0, ngrams=0)
    model, inputs = build(config), rows()
    turned = {**inputs, "token_ids": inputs["token_ids"][:, ::-1].copy()}
    np.testing.assert_allclose(model.predict_on_batch(turned), model.predict_on_batch(inputs), atol=1e-5)


@pytest.mark.parametrize("config", [MODEL, REFERENCE_MODEL], ids=["default", "reference"])
def test_four_reviews_can_be_memorised(config):
    split = make_split([5, 9, 20, 30], labels=[1, 0, 0, 1])
    batches = ReviewBatches(split, TOKENIZER, INPUTS, 4, seed=0)
    model = build(
        dataclasses.replace(
            config, embedding_dropout=0.0, dropout=0.0, attention_dropout=0.0, head_dropout=0.0
        )
    )
    compile_model(model, dataclasses.replace(TRAINING, decay="constant"), 60, "float32")
    model.fit(batches, epochs=60, shuffle=False, verbose=0)
    assert model.evaluate(batches, verbose=0, return_dict=True)["accuracy"] == 1.0


def test_the_convolution_mixes_only_neighbours():
    layer = LocalBlock(5)
    rng = np.random.default_rng(0)
    x, mask = rng.normal(size=(1, 9, 8)).astype("float32"), np.ones((1, 9), "int32")
    before = keras.ops.convert_to_numpy(layer(x, mask))
    x[0, 4] += rng.normal(size=8)
    changed = np.abs(keras.ops.convert_to_numpy(layer(x, mask)) - before).max(axis=-1)[0] > 1e-6
    assert changed.tolist() == [False, False, True, True, True, True, True, False, False]


@pytest.mark.parametrize(
    "layer",
    [
        PositionEmbedding(40),
        DistinctVotes(),
        LocalBlock(3, "relu", 1e-6),
        EncoderBlock(2, 16, "relu", False, 0.1, 0.1),
    ],
)
def test_layers_are_restored_from_their_config(layer):
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(copy) is type(layer)
    assert copy.get_config() == layer.get_config()


@pytest.mark.once
def test_the_default_recipe_keeps_the_fused_kernel():
    assert TRANSFORMER_RECIPES["default"].model.attention_dropout == 0


@pytest.mark.once
@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"num_heads": 3}, "num_heads"),
        ({"dropout": 1.0}, "dropout"),
        ({"num_layers": 0}, "num_layers"),
        ({"conv_kernel_size": 4}, "conv_kernel_size"),
        ({"conv_kernel_size": -1}, "conv_kernel_size"),
    ],
)
def test_bad_hyperparameter_is_named(changes, named):
    with pytest.raises(InputError, match=rf"{named} must be .* Received: {named}="):
        TransformerConfig(**{**dataclasses.asdict(MODEL), **changes})


@pytest.mark.parametrize("config", [MODEL, REFERENCE_MODEL], ids=["default", "reference"])
def test_no_two_kernels_start_equal(config):
    """An initializer that layers share would draw the same numbers for each."""
    kernels = [weight.ravel() for weight in build(config).get_weights()]
    starts = [tuple(kernel[:6]) for kernel in kernels if np.ptp(kernel) > 0]
    assert len(starts) > 10
    assert len(set(starts)) == len(starts)
