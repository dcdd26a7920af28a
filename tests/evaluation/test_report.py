"""The report: what it says, and that it needs nothing else."""

import re
import shutil

import numpy as np
import pytest

from helpers.browser import is_cut_off, open_page, requested, resize
from helpers.pages import HOSTILE, Page, bad_logits, measured
from helpers.served import make_classifier
from helpers.tiny import build
from keras_sentiment.evaluation import report, tables
from keras_sentiment.evaluation.recorded import shown
from keras_sentiment.inference.load import run_classifier
from keras_sentiment.metrics.figures import compare
from keras_sentiment.runs.history import read_history
from keras_sentiment.runs.run import open_run
from keras_sentiment.text.cleaning import clean

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def page(run, split):
    logits = bad_logits(split)
    metrics = measured(split, logits, run.decision)
    theirs = np.random.default_rng(1).random(len(split)) < 0.5
    metrics["against"] = {
        "run_dir": "other",
        "seen_in_training": 0,
        **compare(run.decision.correct(logits, split.labels), theirs),
    }
    classifier = run_classifier(run, run.load_model())
    text = report.Page.of(classifier, run, split, logits, metrics, "films & more").render()
    return text, Page(text), metrics


def test_the_page_needs_no_other(page):
    text, parsed, _ = page
    assert all(target.startswith("#") for target in parsed.fetched)
    # But for what a review says, which is text.
    assert len(re.findall("https?:", text)) == text.count("https://example.com") > 0
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
    assert "films & more" in parsed.text("td")
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
    assert "label errors" not in parsed.text().lower()


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


def test_what_carried_the_label_is_found_in_the_text_that_was_read():
    """Cleaned again, it would be another text, that says the contrary."""
    text = "<b title= good good > the bad film AT&amp;T in C:\\new &lt; \\n"
    assert clean(text) == r"the bad film AT&T in C:\new <"
    pieces, carrying = report.explained(make_classifier(), text)
    assert "".join(piece for piece, _ in pieces) == text
    assert [piece for piece, on in pieces if on] == carrying == ["good", "good"]


def test_a_perfect_model_and_one_label(run, split):
    """No errors and no ROC curve."""
    part = split.take(np.flatnonzero(split.labels == 1))
    logits = np.tile([-3.0, 3.0], (len(part), 1))
    metrics = measured(part, logits, run.decision)
    text = report.Page.of(run_classifier(run, build()), run, part, logits, metrics, "x").render()
    parsed = Page(text)
    assert "nan" not in re.sub(r"[a-z]*nan[a-z]+|[a-z]+nan", "", parsed.text().lower())
    assert parsed.count("li") == 0
    assert parsed.count("figure") == 4


def test_the_curves_of_training_are_the_deep_models(page, run):
    last = read_history(run)[-1]
    told = f"{last['loss']:.4f} on train (without n-grams) and {last['val_loss']:.4f} on validation"
    assert f"after epoch 2 it is {told}" in page[0]


def test_without_its_history_a_run_has_no_learning_curves(run, split, tmp_path):
    copy = open_run(shutil.copytree(run.path, tmp_path / "copy"))
    copy.history.unlink()
    logits = bad_logits(split)
    metrics = measured(split, logits, copy.decision)
    text = report.Page.of(run_classifier(copy, build()), copy, split, logits, metrics, "x").render()
    assert Page(text).count("figure") == 3


def test_a_name_that_is_no_text_breaks_no_file(run, tmp_path):
    copy = open_run(shutil.copytree(run.path, tmp_path / "copy"))
    before = {item.name for item in copy.path.iterdir()}
    copy.write("report.html", "films\udcff.csv")
    assert (copy.path / "report.html").read_text() == "films?.csv"
    assert {item.name for item in copy.path.iterdir()} == {*before, "report.html"}


def test_the_page_says_what_the_model_is_worth(page, run):
    """Beside two baselines; and each label, its share, and the rows of the confusion in percent."""
    _, parsed, metrics = page
    body = parsed.text()
    majority, tfidf = metrics["baselines"]["majority"], metrics["baselines"]["tfidf"]
    assert f"Always {majority['label']}" in body
    assert "fitted on 1,234 train texts" in body
    for found in (majority, tfidf):
        low, high = found["difference_ci95"]
        assert f"{found['difference']:+.4f}{low:+.4f} to {high:+.4f}" in body
    for name in metrics["labels"]:
        for kind in ("precision", "recall", "f1"):
            low, high = metrics["intervals"][f"{kind}_{name}"]
            assert f"{metrics[f'{kind}_per_class'][name]:.4f}{low:.4f} to {high:.4f}" in body
        row = metrics["confusion"][metrics["labels"].index(name)]
        assert all(f"{count}{count / sum(row):.1%}" in body for count in row)
    assert "batches of 8" in body
    assert metrics["date"][:10] in body
    assert "bootstrap" not in body


@pytest.mark.parametrize(
    ("interval", "said"),
    [
        ([0.01, 0.2], "the model is better"),
        ([-0.2, -0.01], "the model is worse"),
        ([-0.1, 0.1], "these texts can't tell which is better"),
        (None, "not known: all texts are of one group"),
    ],
)
def test_a_verdict_follows_the_interval(interval, said):
    assert tables.verdict(interval) == said


def test_names_of_pages_are_letters_and_digits():
    """Whatever a `metrics.json` that is not ours says."""
    assert report.page_name("test", "3fa9c2d1e0b4ffff") == "test-3fa9c2d1e0b4.html"
    for split, fingerprint in (("../../x", "/etc/passwd"), ("a\0b", "..\\.."), ("", "<script>")):
        assert re.fullmatch(r"[a-z0-9]*-[a-z0-9]*\.html", report.page_name(split, fingerprint))


def test_evaluations_that_are_not_ours_are_left_out(run, split):
    logits = bad_logits(split)
    metrics = measured(split, logits, run.decision)
    page = report.Page.of(run_classifier(run, build()), run, split, logits, metrics, "x")
    hostile = {**metrics, "data": "<script>alert(1)</script>"}
    others = [{}, [], {**metrics, "data": 3}, {**metrics, "examples": "x"}, {**metrics, "date": "today"}]
    entries = {f"{n:064}": entry for n, entry in enumerate([hostile, *others])}
    recorded = {"test": {**entries, "../../x": metrics}, "../x": entries, "all": {"f" * 64: metrics}}
    found, left = shown(recorded, "all", "f" * 64)
    assert left == len(others) + 1 + len(entries)
    text = page.render(found)
    assert "<script" not in text
    assert "<script>alert(1)</script> (test)" in Page(text).text()
    assert Page(text).text().count("some films") == 1
