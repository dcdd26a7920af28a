"""The TensorFlow graph gives the ids that cleaning and tokenizing in Python give."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from helpers.hard_texts import HARD_TEXTS, every_character, hard_texts, sample_reviews
from keras_sentiment.text.cleaning import CHARACTERS, ENTITIES, clean
from keras_sentiment.text.tokenizer import Tokenizer, find_tokenizer

if TYPE_CHECKING:
    import tensorflow as tf

pytestmark = pytest.mark.once  # TensorFlow itself, whatever Keras runs on


def small_vocabulary() -> list[str]:
    """Single characters and a few words, so that most differences between two engines show in the ids."""
    characters = sorted({c for text in HARD_TEXTS for c in text.lower() if c.isprintable() and c != " "})
    pieces = [f"##{c}" for c in characters if c.isalnum()]
    words = ["good", "film", "naive", "istanbul", "##ing", "\u1112\u1161\u11ab"]
    return ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters, *pieces, *words]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(small_vocabulary())


@pytest.fixture(scope="module")
def graph(tokenizer: Tokenizer) -> tf.Module:
    from keras_sentiment.exporting.text_graph import text_graph

    return text_graph(tokenizer)


def expected_ids(tokenizer: Tokenizer, texts: list[str]) -> list[list[int]]:
    return [ids.tolist() for ids in tokenizer.encode([clean(text) for text in texts])]


def assert_equal_ids(graph: tf.Module, tokenizer: Tokenizer, texts: list[str]) -> None:
    ids = graph(texts).to_list()
    expected = expected_ids(tokenizer, texts)
    assert len(ids) == len(expected)
    different = [text for text, a, b in zip(texts, ids, expected, strict=True) if a != b]
    assert not different


def test_hard_texts(graph: tf.Module, tokenizer: Tokenizer) -> None:
    assert_equal_ids(graph, tokenizer, HARD_TEXTS)


def test_every_entity_and_every_replaced_character(graph: tf.Module, tokenizer: Tokenizer) -> None:
    assert_equal_ids(graph, tokenizer, [f"x{entity}y {entity}" for entity in ENTITIES])
    characters = [c for c in CHARACTERS if not "\ud800" <= c <= "\udfff"]  # a surrogate is not in UTF-8
    assert_equal_ids(graph, tokenizer, [f"x{character}y {character}" for character in characters])


@pytest.mark.parametrize(
    "text",
    [
        b"good\xfffilm",
        b"good \xff film",
        b"\xc3",
        b"x\xed\xa0\x80y",
        b"\xf0\x9f\x98",
        b"\xc0\x80 &am\xffp; <b\xff>",
    ],
)
def test_bytes_that_are_not_utf8(graph: tf.Module, tokenizer: Tokenizer, text: bytes) -> None:
    assert graph([text]).to_list() == expected_ids(tokenizer, [text.decode("utf-8", "replace")])


def test_batches_of_any_size(graph: tf.Module) -> None:
    import tensorflow as tf

    assert graph(tf.constant([], tf.string)).to_list() == []
    assert graph(["", "  <br /> "]).to_list() == [[], []]
    assert graph(["good"]).dtype == tf.int32


def test_words_of_many_bytes_are_words(graph: tf.Module, tokenizer: Tokenizer) -> None:
    (ids,) = graph(["αβγδ" * 25 + " " + "αβγδ" * 25 + "α"]).to_list()
    assert tokenizer.unk_id not in ids[:100]
    assert ids[100:] == [tokenizer.unk_id]


def test_saved_model(graph: tf.Module, tokenizer: Tokenizer, tmp_path: Path) -> None:
    import tensorflow as tf

    module = tf.Module()
    module.text_graph = graph

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def serve(texts: tf.Tensor) -> tf.Tensor:
        return module.text_graph(texts).to_tensor(default_value=-1)

    tf.saved_model.save(module, tmp_path, signatures=serve)
    loaded = tf.saved_model.load(tmp_path)
    (padded,) = loaded.signatures["serving_default"](tf.constant(HARD_TEXTS)).values()
    ids = [[i for i in row if i != -1] for row in padded.numpy().tolist()]
    assert ids == expected_ids(tokenizer, HARD_TEXTS)


@pytest.mark.real
@pytest.mark.parametrize("texts", [hard_texts, sample_reviews, every_character], ids=lambda f: f.__name__)
def test_ids_with_the_vocabulary_of_bert(texts: Callable[[], list[str]]) -> None:
    from keras_sentiment.exporting.text_graph import text_graph

    minilm = find_tokenizer("minilm")
    graph = text_graph(minilm)
    raw = texts()
    for start in range(0, len(raw), 10_000):
        assert_equal_ids(graph, minilm, raw[start : start + 10_000])
