"""The README's Python runs as it stands there, on a tiny corpus and a tiny run."""

import re
from pathlib import Path

import pytest

from helpers.tiny import make_corpus, train

pytestmark = pytest.mark.once

BLOCKS = re.findall(
    r"```python\n(.*?)```", (Path(__file__).parents[1] / "README.md").read_text("utf-8"), re.S
)


def test_python_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    corpus = make_corpus(tmp_path / "demo_output" / "data", 60)
    train(corpus, tmp_path / "runs" / "small")
    predicting, training = BLOCKS
    names = {}
    exec(predicting, names)
    results = names["classifier"].predict(["good", "bad"])
    assert [set(result["probabilities"]) for result in results] == [{"negative", "positive"}] * 2
    exec(training, names)
    assert len(names["model"].history.history["val_accuracy"]) == 2
