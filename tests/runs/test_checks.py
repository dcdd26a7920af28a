"""What a corpus names is not downloaded or opened unless it is one of the known BERTs."""

import dataclasses

import pytest

from keras_sentiment.errors import InputError
from keras_sentiment.recipes import BERT_RECIPES
from keras_sentiment.runs import checks

pytestmark = pytest.mark.once


def prepared_with(corpus, name):
    return dataclasses.replace(corpus, info={**corpus.info, "tokenizer": {"name": name}})


@pytest.mark.parametrize("name", ["hf://somebody/model", "/etc", "../bert", "no_such", "learn"])
def test_a_corpus_does_not_choose_an_unknown_bert(corpus, name, monkeypatch):
    monkeypatch.setattr(checks, "find_tokenizer", lambda name: pytest.fail(f"{name} was asked for"))
    with pytest.raises(InputError, match=r"--preset|learned vocabulary"):
        checks.chosen_preset(BERT_RECIPES["default"], prepared_with(corpus, name))


def test_a_corpus_chooses_a_known_bert(corpus):
    for name in ("minilm", "bert_tiny_en_uncased"):
        recipe = checks.chosen_preset(BERT_RECIPES["default"], prepared_with(corpus, name))
        assert recipe.model.preset == name
