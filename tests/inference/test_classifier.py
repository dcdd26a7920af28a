"""Texts in, labels out: in order, whatever their company, and whatever they hold."""

import dataclasses

import keras
import numpy as np
import pytest

import keras_sentiment
from helpers.tiny import INPUTS, MODEL, RECIPE, TOKENIZER, TRAINING, build, train
from keras_sentiment.data.encoded_split import Split
from keras_sentiment.errors import InputError
from keras_sentiment.inference.load import run_classifier
from keras_sentiment.recipes import Recipe
from keras_sentiment.training.run_writer import new_run

TEXTS = [
    "good good good film",
    "bad bad bad film",
    "the plot is dull and the film is bad , very bad " + "bad " * 40,
    "good , a good good film",
    "good " * 60,
    "bad",
    "good plot , good film , very good",
    "bad " * 25,
]
LABELS = ["positive", "negative", "negative", "positive", "positive", "negative", "positive", "negative"]


@pytest.fixture(scope="module")
def run(corpus, tmp_path_factory):
    path = tmp_path_factory.mktemp("classifier") / "run"
    train(corpus, path, RECIPE.replace(epochs=4, sequence_length=32))
    return path


@pytest.fixture(scope="module")
def model(run):
    return keras_sentiment.load(str(run))


def probabilities(results):
    return np.array([list(result["probabilities"].values()) for result in results])


def test_what_it_learnt_comes_out_under_the_labels_names(model):
    """The corpus says `pos` and `neg`."""
    assert model.labels == ("negative", "positive")
    results = model.predict(TEXTS)
    assert [result["label"] for result in results] == LABELS
    for result in results:
        assert result["probability"] == max(result["probabilities"].values())
        assert list(result["probabilities"]) == ["negative", "positive"]


@pytest.mark.once
def test_order_is_the_callers(model):
    order = [5, 2, 7, 0, 4, 1, 3, 6]
    plain = probabilities(model.predict(TEXTS))
    shuffled = probabilities(model.predict([TEXTS[i] for i in order]))
    np.testing.assert_allclose(shuffled, plain[order], atol=1e-6)
    assert len(np.unique(plain[:, 1].round(6))) == len(TEXTS)


def test_a_text_alone_is_the_text_in_a_batch(model):
    batch = probabilities(model.predict(TEXTS))
    for i in (0, 4):
        np.testing.assert_allclose(probabilities(model.predict([TEXTS[i]]))[0], batch[i], atol=1e-5)


@pytest.mark.once
def test_any_text_has_an_answer(model):
    # 5 MB are cut to their beginning and their end, as the same few words are that just fit.
    odd = ["", "   <br />", "good film " * 500_000, "good film " * 15, "a [MASK] film", "a ( qqq ) film"]
    found = probabilities(model.predict([*odd, TEXTS[0], TEXTS[1]]))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)
    np.testing.assert_allclose(found[2], found[3], atol=1e-6)
    # A special token that is written out is three characters and a word, not special.
    np.testing.assert_allclose(found[4], found[5], atol=1e-6)
    assert TOKENIZER.mask_id not in Split.from_texts(odd[4:], model.tokenizer).ids


@pytest.mark.once
def test_nothing_asked_is_nothing_answered(model):
    assert model.predict([]) == []


@pytest.mark.once
def test_any_iterable_of_texts_will_do(model):
    expected = model.predict(TEXTS[:2])
    assert model.predict(text for text in TEXTS[:2]) == expected
    assert model.predict(np.array(TEXTS[:2])) == expected


def test_numbers_of_rows_are_few(model, monkeypatch):
    """Each shape costs jax and tensorflow a compilation, and torch nothing."""
    shapes = []
    predict = model.engine.model.predict_on_batch
    monkeypatch.setattr(
        model.engine.model,
        "predict_on_batch",
        lambda inputs: shapes.append(len(inputs["token_ids"])) or predict(inputs),
    )
    (alone,) = model.predict(["good"])
    for count in (3, 5, 7, 100):
        assert len(model.predict(["good"] * count)) == count
    compiles = keras.backend.backend() != "torch"
    assert shapes == ([1, 4, 8, 8, 128] if compiles else [1, 3, 5, 7, 100])
    for result in model.predict(["good"] * 3):
        assert result["probability"] == pytest.approx(alone["probability"], abs=1e-5)


@pytest.mark.once
def test_windows_read_a_long_text_whole(run, model):
    """Rows hold 30 of its words here; what stands in the middle of a text is otherwise not seen."""
    long = "good " * 10 + "film " * 40 + "bad " * 20 + "film " * 40 + "good " * 25
    whole = keras_sentiment.load(run, windows=True)
    texts = [*TEXTS, long, "film"]
    found, cut = whole.predict(texts), model.predict(texts)
    assert [result["truncated"] for result in cut] == [len(text.split()) > 30 for text in texts]
    assert not any(result["truncated"] for result in found)
    for text, ours, theirs in zip(texts, found, cut, strict=True):
        same = ours["probability"] == pytest.approx(theirs["probability"], abs=1e-5)
        assert same or len(text.split()) > 30
    assert cut[-2]["label"] == "positive"
    middle = whole.predict(["good " * 10 + "film " * 40 + "good " * 20 + "film " * 40 + "good " * 25])
    assert middle[0]["probabilities"]["positive"] > found[-2]["probabilities"]["positive"] + 1e-3
    same = model.predict([long, long.replace("bad", "film")])
    assert same[0]["probability"] == pytest.approx(same[1]["probability"], abs=1e-6)


@pytest.mark.once
@pytest.mark.parametrize("texts", ["a good film", [b"a good film"], ["a film", None], [1]])
def test_what_is_no_list_of_texts_is_refused(model, texts):
    with pytest.raises(TypeError, match="texts must be a list of strings"):
        model.predict(texts)


@pytest.mark.once
def test_load_says_what_is_missing(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        keras_sentiment.load(str(tmp_path / "nowhere"))


def test_load_takes_a_precision(run, model):
    mixed = keras_sentiment.load(run, "mixed_bfloat16")
    assert mixed.engine.model.get_layer("block_0").compute_dtype == "bfloat16"
    inputs = {"token_ids": np.full((1, 8), 5, "int32"), "padding_mask": np.ones((1, 8), "int32")}
    difference = mixed.engine.model.predict_on_batch(inputs) - model.engine.model.predict_on_batch(inputs)
    assert 0 < np.abs(difference).max() < 0.2


def test_padding_to_a_number_is_the_same_alone_and_in_company(corpus, tmp_path):
    """The seed's model sees its padding: what is a text's must not hang on its neighbours."""
    config = dataclasses.replace(MODEL, pooling="mean_padded", position_embedding=False)
    network = build(config)
    logits = {}
    for pad_to in (64, "longest"):
        inputs = dataclasses.replace(INPUTS, pad_to=pad_to)
        recipe = Recipe(config, inputs, TRAINING)
        run = new_run(tmp_path / str(pad_to), corpus, recipe, keras.backend.backend(), "float32")
        run.begin()
        run.finish(network, corpus)
        found = run_classifier(run, network)
        splits = [Split.from_texts(texts, TOKENIZER) for texts in (TEXTS[:1], [TEXTS[2], TEXTS[0]])]
        logits[pad_to] = [found.logits(split)[-1] for split in splits]
    np.testing.assert_allclose(*logits[64], atol=1e-5)
    assert np.abs(logits[64][0] - logits["longest"][0]).max() > 1e-3
