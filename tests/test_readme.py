"""The README's Python runs as it stands there, on a tiny corpus and a tiny run."""

import csv
import re
from pathlib import Path

import pytest

from helpers.tiny import TOKENIZER, reviews

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.S)


def test_readme_is_short():
    assert len(README.split()) <= 900


def test_images_and_pages_that_readme_names_are_there():
    named = re.findall(r'src="([^"]+)"', README) + re.findall(r"\]\(([^)#:]+)\)", README)
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).is_file()] == []
    for image in (ROOT / "docs" / "images").iterdir():
        assert f"docs/images/{image.name}" in named
        assert image.stat().st_size < 200_000


def test_python_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    TOKENIZER.save("words")
    monkeypatch.setattr("keras_sentiment.data.preparation.default_tokenizer_name", lambda: "words")
    with open("reviews.csv", "w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *((r.text, r.label) for r in reviews(60))])
    whole, by_hand = BLOCKS
    names = {}
    exec(whole, names)
    assert names["run"].complete
    assert (tmp_path / "runs" / "films" / "report.html").is_file()
    assert len(whole.strip().splitlines()) <= 15
    (result,) = names["ks"].load(names["artifacts"][0]).predict(["good"])
    shown = re.search(r"^# (\[.*\])$", whole, re.M)
    assert list(result) == re.findall(r'"(\w+)":', shown[1])
    exec(by_hand, names)
    assert len(names["model"].history.history["accuracy"]) == 2
    assert names["run"].config.trained_by_hand
