"""The pages that `evaluate` writes: what they say, and that they need nothing else."""

import dataclasses
import json
import re
import shutil
from html.parser import HTMLParser

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot
from sklearn import metrics as sklearns

from helpers.browser import is_cut_off, open_page, requested, resize
from helpers.tiny import RECIPE, build, make_corpus, train
from keras_sentiment.decision import Decision
from keras_sentiment.errors import InputError
from keras_sentiment.evaluation import plots as pictures
from keras_sentiment.evaluation import report
from keras_sentiment.evaluation.model_card import model_card
from keras_sentiment.inference.load import run_classifier
from keras_sentiment.metrics.figures import accuracy_by_length, compare, evaluate_logits
from keras_sentiment.runs.history import read_history
from keras_sentiment.runs.run import open_run

pytestmark = pytest.mark.once

HOSTILE = '<script>alert("x")</script> & <img src="https://example.com/a.png"> a dull film ' + "very " * 200
VOID = {"meta", "img", "br", "link", "hr", "input"}


class Page(HTMLParser):
    """What a browser would make of a page: elements, text by element, and what it would fetch."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.texts, self.fetched = [], [], {}, []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.elements.append((tag, values))
        self.fetched += [v for k, v in values.items() if k in ("src", "href", "xlink:href", "srcset", "data")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.fetched += [v for k, v in attributes if k in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        for tag in set(self.open):
            self.texts.setdefault(tag, []).append(data)

    def count(self, tag):
        return sum(name == tag for name, _ in self.elements)

    def text(self, tag="body"):
        return " ".join("".join(self.texts.get(tag, [])).split())


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return make_corpus(tmp_path_factory.mktemp("report") / "data", 300)


@pytest.fixture(scope="module")
def run(corpus, tmp_path_factory):
    return train(corpus, tmp_path_factory.mktemp("report") / "tiny <run>", RECIPE.replace(sequence_length=8))


@pytest.fixture(scope="module")
def split(corpus):
    """The test part, with one review that is more than a review."""
    part = corpus.splits["test"]
    records = [record._replace(text=HOSTILE) if n == 3 else record for n, record in enumerate(part.records())]
    return dataclasses.replace(part, records=lambda: iter(records))


def measured(split, logits, decision):
    correct = decision.correct(logits, split.labels)
    found = evaluate_logits(logits, split.labels, decision)
    return {"split": "test", **found, "by_length": accuracy_by_length(split.lengths + 2, correct)}


def bad_logits(split):
    """Two in three right, the fourth review surest of all and wrong."""
    rng = np.random.default_rng(0)
    right = np.where(np.arange(len(split)) % 3 == 0, -1, 1) * rng.uniform(0.5, 4, len(split))
    right[3] = -9
    return np.eye(2)[split.labels] * right[:, None]


@pytest.fixture(scope="module")
def page(run, split):
    logits = bad_logits(split)
    metrics = measured(split, logits, run.decision)
    theirs = np.random.default_rng(1).random(len(split)) < 0.5
    metrics["against"] = {
        "run_dir": "other",
        **compare(run.decision.correct(logits, split.labels), theirs),
    }
    classifier = run_classifier(run, run.load_model())
    text = report.report(classifier, run, split, logits, metrics, "films & more")
    return text, Page(text), metrics


def test_the_page_needs_no_other(page):
    text, parsed, _ = page
    assert all(target.startswith("#") for target in parsed.fetched)
    # But for what a review says, which is text.
    assert text.count("http") == text.count("https://example.com") > 0
    assert not re.search(r"@import|url\((?!#)", text)
    assert parsed.count("script") == parsed.count("link") == parsed.count("img") == 0


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1280, 800), (390, 844)])
def test_the_page_in_a_browser(page, tmp_path, size):
    """It asks for nothing but itself, draws every picture, and runs nothing of a hostile review."""
    path = tmp_path / "report.html"
    path.write_text(page[0], encoding="utf-8")
    with open_page(path.as_uri()) as browser:
        resize(browser, *size)
        assert requested(browser) == [path.as_uri()]
        assert not is_cut_off(browser)
        boxes = browser.execute_script(
            "return [...document.querySelectorAll('figure svg')].map(e => [e.clientWidth, e.clientHeight])"
        )
        assert len(boxes) == page[1].count("figure") == 5
        assert min(min(box) for box in boxes) > 100


def test_reviews_and_names_are_text(page):
    text, parsed, _ = page
    assert "<script" not in text
    assert '<script>alert("x")</script>' in parsed.text()
    assert "films & more" in parsed.text("p")
    assert "tiny <run>" in parsed.text("h1")


def test_the_page_can_be_read_aloud_and_on_a_phone(page):
    text, parsed, _ = page
    elements = parsed.elements
    assert ("html", {"lang": "en"}) in elements
    assert any(values.get("name") == "viewport" for tag, values in elements if tag == "meta")
    assert "prefers-color-scheme: dark" in text
    assert parsed.text("title")
    assert parsed.count("h1") == 1
    assert parsed.count("h2") >= 7
    assert parsed.count("table") == parsed.count("caption")
    assert parsed.count("figure") == parsed.count("svg") == parsed.count("figcaption") == 5
    for tag, values in elements:
        if tag == "svg":
            assert values["role"] == "img"
            assert len(values["aria-label"]) > 20
            assert "width" not in values


def test_the_page_has_the_figures(page, run, split):
    _, parsed, metrics = page
    body = parsed.text()
    for name in ("accuracy", "f1", "roc_auc", "loss", "brier", "ece"):
        low, high = metrics["intervals"][name]
        assert f"{metrics[name]:.4f}{low:.4f} to {high:.4f}" in body
    assert split.fingerprint in body
    assert run.config.data["fingerprint"] in body
    assert f"{metrics['against']['difference']:+.4f}" in body
    assert f"{metrics['temperature']:.4f}" in body
    for version in ("numpy", "keras"):
        assert (version in body) == (version in run.config.versions)


def test_errors_come_surest_first(page, split, run):
    logits = bad_logits(split)
    errors = report.find_errors(split, run.decision.probabilities(logits), run.decision)
    wrong = ~run.decision.correct(logits, split.labels)
    assert len(errors) == wrong.sum()
    assert errors[0]["text"] == HOSTILE
    shown = [error["probability"] for error in errors]
    assert shown == sorted(shown, reverse=True)
    texts = list(split.texts())
    for error in errors:
        assert error["label"] != error["predicted"]
        row = texts.index(error["text"])
        assert run.config.labels[split.labels[row]] == error["label"]
        assert error["probability"] == pytest.approx(run.decision.probabilities(logits)[row].max())
    _, parsed, _ = page
    assert parsed.count("li") == len(errors)
    assert parsed.text("li").index("alert") < 100
    likely = sum(p >= report.MIN_LABEL_ERROR_PROBABILITY for p in shown)
    assert 0 < likely < len(errors)
    assert ("ol", {"start": str(likely + 1)}) in parsed.elements


def test_no_more_than_fifty_errors_are_shown(corpus, run):
    part = corpus.splits["train"]
    errors = report.find_errors(part, np.eye(2)[1 - part.labels] * 0.8 + 0.1, run.decision)
    assert len(errors) == 50


def test_a_long_text_is_cut_and_can_be_opened(page):
    _, parsed, _ = page
    assert parsed.count("details") >= 1
    assert parsed.text("details").count("very") >= 200
    assert " …" in parsed.text("li")


def test_marks_are_what_carried_the_label():
    text = "a dull , dull and <b>fine</b> film"
    words = [
        {"text": "dull", "start": 2, "end": 6, "contribution": 0.5},
        {"text": "dull", "start": 9, "end": 13, "contribution": 0.9},
        {"text": "fine", "start": 21, "end": 25, "contribution": -3.0},
    ]
    pieces, carrying = report.marked(text, words)
    assert "".join(piece for piece, _ in pieces) == text
    assert [piece for piece, on in pieces if on] == carrying == ["dull", "dull"]
    assert report.marked(text, []) == ([(text, False)], [])


def test_a_perfect_model_and_one_label(run, split):
    """No errors and no ROC curve."""
    part = split.take(np.flatnonzero(split.labels == 1))
    logits = np.tile([-3.0, 3.0], (len(part), 1))
    text = report.report(
        run_classifier(run, build()), run, part, logits, measured(part, logits, run.decision), "x"
    )
    parsed = Page(text)
    assert "nan" not in re.sub(r"[a-z]*nan[a-z]+|[a-z]+nan", "", parsed.text().lower())
    assert parsed.count("li") == 0
    assert parsed.count("figure") == 4


def test_the_curves_of_training_are_the_deep_models(page, run):
    last = read_history(run)[-1]
    told = f"{last['loss']:.4f} on train (without n-grams) and {last['val_loss']:.4f} on validation"
    assert f"after epoch 2 it is {told}" in page[0]


def test_without_its_history_a_bundle_has_no_learning_curves(run, split, tmp_path):
    copy = open_run(shutil.copytree(run.path, tmp_path / "copy"))
    copy.history.unlink()
    logits = bad_logits(split)
    metrics = measured(split, logits, copy.decision)
    text = report.report(run_classifier(copy, build()), copy, split, logits, metrics, "x")
    assert Page(text).count("figure") == 3


@pytest.mark.parametrize("content", [b"\xff", b"epoch\n1\n", b"x", b"a,b\n1,2\n", b"epoch,loss\n1,\n"])
def test_a_damaged_history_is_told(run, tmp_path, content):
    copy = open_run(shutil.copytree(run.path, tmp_path / "copy"))
    header = copy.history.read_bytes().splitlines()[0]
    for damaged in (content + b"\n1", header + b"\n1,2\n", header + b"\n" + content * 8 + b"\n"):
        copy.history.write_bytes(damaged)
        with pytest.raises(InputError, match=r"history\.csv: it is damaged"):
            read_history(copy)


def test_pictures_leave_no_state_and_are_the_same_each_time():
    before = dict(mpl.rcParams)
    labels = np.arange(90) % 3
    p = Decision("abc").probabilities(np.random.default_rng(0).normal(size=(90, 3)) + np.eye(3)[labels])
    first, again = (pictures.roc(labels, p, ["$a$", "<b>", "积极"], 'say "x" & <y>') for _ in range(2))
    assert first == again
    assert dict(mpl.rcParams) == before
    parsed = Page(first)
    assert parsed.elements[0][1]["aria-label"] == 'say "x" & <y>'
    for name in ("$a$", "<b>", "积极"):
        assert name in parsed.text("svg")
    assert "currentColor" in first
    assert pyplot.get_fignums() == []


def test_metrics_of_a_stranger_are_told_or_shown(run, split, tmp_path):
    """No value in `metrics.json` ends in a traceback: it is refused, or the card can be written."""
    copy = shutil.copytree(run.path, tmp_path / "run")
    opened = open_run(copy)
    metrics = measured(split, bad_logits(split), opened.decision)
    file, fingerprint = copy / "metrics.json", split.fingerprint
    said = []
    for value in ([], {}, "x", 3, None, [1], 10**400, {"accuracy": "high"}):
        entries = [{**metrics, name: value} for name in metrics]
        entries += [
            {**metrics, "intervals": {**metrics["intervals"], name: value}} for name in metrics["intervals"]
        ]
        entries += [
            {**metrics, "by_length": [{**metrics["by_length"][0], "to": None, "accuracy_ci95": value}]}
        ]
        for content in [
            value,
            {"test": value},
            *({"test": {"a": e, fingerprint: e}} for e in [value, *entries]),
        ]:
            file.write_text(json.dumps(content))
            try:
                recorded = opened.record_metrics("validation", "b", metrics)
            except InputError as error:
                said.append(str(error))
            else:
                assert model_card(opened, recorded).startswith("# run\n")
    assert said
    file.write_text(json.dumps({"test": {"a": metrics, "b": metrics, "c": {**metrics, "examples": "many"}}}))
    assert model_card(opened, opened.record_metrics("test", "b", metrics)).count(", other data, test") == 2
    assert all(line.startswith(f"{file}: it can't be read") and "\n" not in line for line in said)


def test_the_card_says_what_it_is_and_how_good(run, split, corpus, tmp_path):
    copy = shutil.copytree(run.path, tmp_path / "my model")
    opened = open_run(copy)
    logits = bad_logits(split)
    metrics = measured(split, logits, opened.decision)
    fingerprint = corpus.splits["test"].fingerprint
    opened.record_metrics("test", "old", {"accuracy": 0.5})
    card = model_card(opened, opened.record_metrics("test", fingerprint, metrics))
    assert card.startswith("# my model\n")
    assert "from scratch, averaged with a linear model of n-grams of up to 3 tokens, trained by" in card
    low, high = metrics["intervals"]["roc_auc"]
    assert f"{sklearns.roc_auc_score(split.labels, logits[:, 1] - logits[:, 0]):.4f}" in card
    assert f"({low:.4f} to {high:.4f})" in card
    assert "test of this data" in card
    assert "from 240 of the train reviews. Validation chose the epoch and the temperature." in card
    assert "other data" not in card
    assert 'keras_sentiment.load("my model")' in card
    assert "longer than 6 tokens it reads its first 1 and last 5" in card
    assert str(tmp_path) not in card
    # Three labels, one of them missing in a test set, and a threshold.
    values = {**metrics, "roc_auc": None, "intervals": {**metrics["intervals"], "roc_auc": None}}
    config = dataclasses.replace(opened.config, threshold=0.25)
    card = model_card(dataclasses.replace(opened, config=config), {"all": {"f" * 64: values}})
    assert "| – |" in card
    assert "other data, all (`ffffffffffff`)" in card
    assert "probability is 0.2500 or more" in card
    assert "from 240 of the train reviews. Validation chose the epoch, the temperature and the" in card
    json.dumps(values)


def test_a_name_that_is_no_text_breaks_no_file(run, tmp_path):
    copy = open_run(shutil.copytree(run.path, tmp_path / "copy"))
    before = {item.name for item in copy.path.iterdir()}
    copy.write("report.html", "films\udcff.csv")
    assert (copy.path / "report.html").read_text() == "films?.csv"
    assert {item.name for item in copy.path.iterdir()} == {*before, "report.html"}
