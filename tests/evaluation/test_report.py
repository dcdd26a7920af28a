"""The report: what it says, and that it needs nothing else."""

import itertools
import re
import shutil

import numpy as np
import pytest

from helpers.browser import is_cut_off, open_page, requested, resize
from helpers.pages import Page, bad_logits, measured
from helpers.tiny import build
from keras_sentiment.evaluation import report, tables
from keras_sentiment.evaluation.error_texts import OPEN_ERRORS, SHOWN_ERRORS
from keras_sentiment.evaluation.recorded import shown
from keras_sentiment.inference.load import run_classifier
from keras_sentiment.metrics.figures import compare
from keras_sentiment.runs.history import read_history
from keras_sentiment.runs.run import open_run

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
        assert len(boxes) == page[1].count("figure") == 4
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
    assert parsed.count("figure") == parsed.count("svg") == parsed.count("figcaption") == 4
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


def test_errors_stand_in_the_page_as_text(page, run, split):
    text, parsed, metrics = page
    wrong = sum(sum(row) for row in metrics["confusion"]) - sum(
        row[place] for place, row in enumerate(metrics["confusion"])
    )
    assert text.count("<p>Labelled <b>") == wrong
    assert parsed.text("ol").index("alert") < 100
    assert "label errors" not in parsed.text().lower()


def test_a_long_text_is_cut_and_can_be_opened(page):
    _, parsed, _ = page
    assert parsed.count("details") >= 1
    assert parsed.text("details").count("very") >= 200
    assert " …" in parsed.text("li")


def test_ten_errors_are_open_and_the_others_folded(run, corpus):
    part = corpus.splits["train"]
    logits = bad_logits(part)
    metrics = measured(part, logits, run.decision)
    text = report.Page.of(run_classifier(run, build()), run, part, logits, metrics, "x").render()
    before, folded = text.split("<summary>40 more errors</summary>")
    assert before.count("<p>Labelled <b>") == OPEN_ERRORS == 10
    assert folded.count("<p>Labelled <b>") == SHOWN_ERRORS - OPEN_ERRORS
    assert '<ol start="11">' in folded
    assert "<mark" in before
    assert "<mark" not in folded


def test_words_are_marked_within_the_text(page):
    """As text, whatever they are; and who can't see the marks gets them in a sentence."""
    text = page[0]
    marks = re.findall(r'<mark class="(?:for|against)" style="--weight: ([01]\.\d\d)">([^<]*)</mark>', text)
    assert text.count("<mark") == len(marks) > 2
    assert all(float(weight) >= 0.25 for weight, _ in marks)
    assert '<p class="unseen">Words that ' in text
    assert "<img" not in text


def test_the_contents_lead_to_each_section(page):
    parsed = page[1]
    ids = [values["id"] for tag, values in parsed.elements if tag == "section"]
    links = [values["href"] for tag, values in parsed.elements if tag == "a"]
    assert links == [f"#{name}" for name in ids]
    assert len(set(ids)) == len(ids) >= 8
    headings = [int(tag[1]) for tag, _ in parsed.elements if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(headings))


def test_the_first_screen_says_what_was_measured_and_how_well(page, run):
    _, parsed, metrics = page
    head = parsed.text("header")
    assert "It labels a text as negative or positive." in head
    assert f"measured on {metrics['examples']} texts of films & more (test)" in head
    values = parsed.text("dl")
    for value in (metrics["accuracy"], metrics["f1"], metrics["baselines"]["tfidf"]["accuracy"]):
        assert f"{value:.4f}" in values
    low, high = metrics["intervals"]["accuracy"]
    assert f"{low:.4f} to {high:.4f}" in values
    assert "temperature" in values
    assert "Only 30 texts were measured" in head


def _luminance(colour):
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _contrast(one, other):
    """Of WCAG 2."""
    low, high = sorted(map(_luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def test_text_and_curves_can_be_seen_in_both_schemes(page):
    schemes = re.findall(r":root \{([^}]*)\}", page[0])
    assert len(schemes) == 2
    for scheme in schemes:
        colours = {
            name: value if len(value) == 7 else "#" + "".join(2 * digit for digit in value[1:])
            for name, value in re.findall(r"--(\w+): (#[0-9a-f]+)", scheme)
        }
        for ground in ("page", "panel"):
            for name in ("ink", "soft", "link"):
                assert _contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
        for colour in re.findall(r"stroke: (#[0-9a-f]{6})", page[0]):
            assert _contrast(colour, colours["page"]) >= 3, colour


def test_a_perfect_model_and_one_label(run, split):
    """No errors and no ROC curve."""
    part = split.take(np.flatnonzero(split.labels == 1))
    logits = np.tile([-3.0, 3.0], (len(part), 1))
    metrics = measured(part, logits, run.decision)
    text = report.Page.of(run_classifier(run, build()), run, part, logits, metrics, "x").render()
    parsed = Page(text)
    assert "nan" not in re.sub(r"[a-z]*nan[a-z]+|[a-z]+nan", "", parsed.text().lower())
    assert parsed.count("ol") == parsed.count("mark") == 0
    assert parsed.count("figure") == 2


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
    assert Page(text).count("figure") == 2
    assert "#training" not in text


def test_one_epoch_is_a_table_and_no_plot(run, split, tmp_path):
    copy = open_run(shutil.copytree(run.path, tmp_path / "copy"))
    lines = copy.history.read_text().splitlines()
    copy.history.write_text("\n".join(lines[:2]))
    logits = bad_logits(split)
    metrics = measured(split, logits, copy.decision)
    text = report.Page.of(run_classifier(copy, build()), copy, split, logits, metrics, "x").render()
    assert Page(text).count("figure") == 2
    assert f"{read_history(copy)[0]['val_loss']:.4f}" in text[text.index('<section id="training">') :]


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
