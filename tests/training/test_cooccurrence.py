"""Vectors that texts give to tokens before any training."""

import numpy as np
import pytest

from helpers.tiny import MODEL, RECIPE, TOKENIZER, make_corpus, train
from keras_sentiment.data.encoded_split import Split
from keras_sentiment.training.cooccurrence import token_vectors

pytestmark = pytest.mark.once


def split_of(texts):
    lengths = [len(text) for text in texts]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Split(
        np.concatenate(texts).astype(np.uint16), offsets, np.zeros(len(texts), np.int32), lambda: iter(())
    )


def likeness(vectors, first, second):
    a, b = vectors[first], vectors[second]
    return a @ b / (np.linalg.norm(a) * np.linalg.norm(b))


def test_tokens_with_the_same_neighbours_get_like_vectors():
    """5 and 6 stand where the other could, 7 elsewhere; none of them is ever near another of them."""
    rng = np.random.default_rng(0)
    place = {5: range(10, 15), 6: range(10, 15), 7: range(15, 20)}
    texts = [
        np.array([*rng.choice(place[word], 3), word, *rng.choice(place[word], 3)])
        for word in rng.choice([5, 6, 7], 600)
    ]
    vectors = token_vectors([split_of(texts)], 22, 8, seed=0)
    assert vectors.shape == (22, 8)
    assert vectors.dtype == np.float32
    assert likeness(vectors, 5, 6) > 0.9
    assert likeness(vectors, 5, 7) < 0.5
    np.testing.assert_array_equal(vectors[20], vectors[21])  # in no text
    np.testing.assert_array_equal(vectors, token_vectors([split_of(texts)], 22, 8, seed=0))


def test_neighbours_are_of_the_same_text(monkeypatch):
    """One text after another, in chunks that end between them: what is counted is each text's own."""
    texts = [np.array([5, 6]), np.array([7, 8, 9]), np.array([5, 6]), np.array([4])]
    together = token_vectors([split_of(texts)], 10, 10, seed=0)
    monkeypatch.setattr("keras_sentiment.training.cooccurrence._CHUNK_TOKENS", 1)
    np.testing.assert_allclose(token_vectors([split_of(texts)], 10, 10, seed=0), together, atol=1e-6)
    assert likeness(together, 5, 8) < 0.1
    assert likeness(together, 5, 6) < 0.1  # near one another, but not in one another's place


def test_texts_of_one_token_tell_nothing():
    assert not token_vectors([split_of([np.array([5]), np.array([6])])], 8, 4, seed=0).any()


def test_a_training_starts_from_them(tmp_path):
    corpus = make_corpus(tmp_path / "data", 60)
    recipe = RECIPE.replace(epochs=1, learning_rate=1e-12)
    found = train(corpus, tmp_path / "run", recipe).load_model().get_layer("token_embedding").embeddings
    expected = token_vectors(
        [corpus.splits["train"]], TOKENIZER.vocabulary_size, MODEL.hidden_dim, recipe.training.seed
    )
    np.testing.assert_allclose(found, expected, atol=1e-6)
