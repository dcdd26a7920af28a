"""The README's Python runs as it stands there, on a tiny corpus and a tiny run."""

import csv
import re
from pathlib import Path

import pytest

from helpers.tiny import TOKENIZER, make_corpus, reviews, train

pytestmark = pytest.mark.once

BLOCKS = re.findall(
    r"```python\n(.*?)```", (Path(__file__).parents[1] / "README.md").read_text("utf-8"), re.S
)


def test_python_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    TOKENIZER.save("words")
    monkeypatch.setattr("keras_sentiment.data.preparation.default_tokenizer_name", lambda: "words")
    with open("reviews.csv", "w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *((r.text, r.label) for r in reviews(60))])
    train(make_corpus(tmp_path / "data" / "tiny", 60), tmp_path / "runs" / "small")
    predicting, whole, by_hand = BLOCKS
    names = {}
    exec(predicting, names)
    results = names["classifier"].predict(["good", "bad"])
    assert [set(result["probabilities"]) for result in results] == [{"negative", "positive"}] * 2
    exec(whole, names)
    assert names["run"].complete
    assert (tmp_path / "runs" / "films" / "report.html").is_file()
    assert len(whole.strip().splitlines()) <= 15
    exec(by_hand, names)
    assert len(names["model"].history.history["accuracy"]) == 2
    assert names["run"].config.trained_by_hand
