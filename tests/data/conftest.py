"""Fixtures for the tests of data."""

import pytest

from helpers.made_up import VOCABULARY, make_reviews
from keras_sentiment.data.preparation import prepare_corpus
from keras_sentiment.text.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(VOCABULARY)


@pytest.fixture
def prepared(tmp_path, tokenizer):
    prepare_corpus(make_reviews(), tmp_path / "data", tokenizer, quiet=True)
    return tmp_path / "data"
