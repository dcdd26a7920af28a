"""The configuration of a run."""

import dataclasses
import json

import numpy as np
import pytest

from helpers.saved_runs import sign
from keras_sentiment.errors import InputError
from keras_sentiment.runs.config import RunConfig
from keras_sentiment.runs.run import open_run

pytestmark = pytest.mark.once


def test_config_comes_back_from_json(transformer, bert):
    for _, run in (transformer, bert):
        for changes in ({}, {"temperature": 1.7, "threshold": 0.3}):
            config = dataclasses.replace(run.config, **changes)
            assert RunConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_decision_is_the_configs(copy):
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "temperature": 2.0, "threshold": 0.9}))
    with pytest.raises(InputError, match=r"config\.json: it has changed since it was written"):
        open_run(copy)
    sign(copy)
    decision = open_run(copy).decision
    assert decision.probabilities(np.array([[0.0, 2.0]]))[0, 1] == pytest.approx(1 / (1 + np.exp(-1)))
    assert decision.results(np.array([[0.0, 2.0]]))[0]["label"] == "negative"
