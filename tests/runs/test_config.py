"""The configuration of a run."""

import dataclasses
import json

import keras_hub
import numpy as np
import pytest

from helpers.tiny import INPUTS, TOKENIZER, TRAINING, save_run
from keras_sentiment.config import BertConfig
from keras_sentiment.models.bert import build_bert
from keras_sentiment.recipes import Recipe
from keras_sentiment.runs.config import RunConfig
from keras_sentiment.runs.run import open_run

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def bert(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    backbone = keras_hub.models.BertBackbone(TOKENIZER.vocabulary_size, 2, 2, 8, 16, max_sequence_length=40)
    backbone.save_to_preset(str(folder / "preset"))
    config = BertConfig(str(folder / "preset"), trainable_blocks=1, ngram_buckets=64)
    model = build_bert(config, 16, 2)
    return model, save_run(folder / "bert", corpus, model, Recipe(config, INPUTS, TRAINING))


def test_config_comes_back_from_json(transformer, bert):
    for _, run in (transformer, bert):
        for changes in ({}, {"temperature": 1.7, "threshold": 0.3}):
            config = dataclasses.replace(run.config, **changes)
            assert RunConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_decision_is_the_configs(copy):
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "temperature": 2.0, "threshold": 0.9}))
    decision = open_run(copy).decision
    assert decision.probabilities(np.array([[0.0, 2.0]]))[0, 1] == pytest.approx(1 / (1 + np.exp(-1)))
    assert decision.results(np.array([[0.0, 2.0]]))[0]["label"] == "negative"
