"""A run of a stranger is evaluated: nothing that it says is more than text, and nothing else is written."""

import contextlib
import json
import os
import re
import shutil

import pytest
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt

from helpers.pages import Page
from helpers.saved_runs import sign
from keras_sentiment.errors import InputError
from keras_sentiment.evaluation.evaluate import evaluate
from keras_sentiment.runs.history import HISTORY_FIELDS, read_history
from keras_sentiment.runs.run import open_run

pytestmark = pytest.mark.once

WORDS = (
    "<img src=https://example.com/a.png><script>alert(1)</script> ![x](https://example.com) [y]: https://a.b "
    "www.example.com `$(touch PWNED)` | a | \x1b]0;title\x07\x1b[2J \x9b \u202e \u200b \u2028"
    "\n---\n# heading\n\n    keras-sentiment rm\n```\n"
)
SECTIONS = ["Intended use", "Training", "Evaluation", "How to use it", "Limits", "Licence", "Versions"]
HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028\u202e]")


def hostile(run, folder):
    """A copy in which every text that is shown is hostile, the name of its folder too."""
    path = folder / "-$(cd;touch PWNED) `x` <b>|[z](https:)\x1b[2J\u202e"
    shutil.copytree(run.path, path)
    file = path / "config.json"
    config = json.loads(file.read_text())
    config["data"] |= {"source": WORDS, "fingerprint": WORDS, "warnings": [WORDS, WORDS]}
    config |= {"backend": WORDS, "precision": WORDS, "versions": {WORDS: WORDS, "": "", "../x": "1"}}
    config["calibration"]["reason"] = WORDS
    file.write_text(json.dumps(config))
    sign(path)
    return path


def tree(folder):
    return {item.relative_to(folder): item.read_bytes() for item in folder.rglob("*") if item.is_file()}


@pytest.fixture(scope="module")
def saved(run, corpus, tmp_path_factory):
    """The evaluated copy, and what was there before; its `metrics.json` has evaluations of all kinds."""
    folder = tmp_path_factory.mktemp("hostile")
    path = hostile(run, folder)
    metrics = evaluate(path, corpus, "validation").metrics
    told = {**metrics, "data": WORDS, "absent": {**metrics["absent"], "accuracy": WORDS}, "accuracy": None}
    named = {**metrics, "against": {"run_dir": WORDS, "seen_in_training": 3}, "seen_in_training": 2}
    rows = {
        "0" * 64: told,
        "1" * 64: named,
        "2" * 64: {**metrics, "intervals": [0] * 100_000},
        "3" * 64: "x" * 100_000,
        "../../x": metrics,
        "4" * 64: {**metrics, "examples": 10**400},
        "5" * 64: {**metrics, "accuracy": 1e308, "seen_in_training": True},
        "6" * 64: {**metrics, "labels": ["negative"] * 200_000},
        "7" * 64: {**metrics, "by_length": metrics["by_length"] * 1000},
    }
    (path / "metrics.json").write_text(json.dumps({"test": rows, "../../x": rows, WORDS: {}}))
    before = tree(folder)
    evaluate(path, corpus).save()
    return path, before


def test_nothing_else_is_written(saved):
    path, before = saved
    after = tree(path.parent)
    new = {str(name.relative_to(path.name)) for name in {*after} - {*before}}
    assert {name for name in new if not name.startswith("reports/")} == {"README.md", "report.html"}
    (page,) = (name for name in new if name.startswith("reports/"))
    assert re.fullmatch(r"reports/test-[0-9a-f]{12}\.html", page)
    changed = {str(name.relative_to(path.name)) for name in before if before[name] != after[name]}
    assert changed == {"metrics.json"}


def test_what_is_left_out_is_counted(saved, corpus, capfd):
    path, _ = saved
    capfd.readouterr()
    evaluate(path, corpus).save()
    error = capfd.readouterr().err
    (line,) = (line for line in error.splitlines() if "left out of report and card" in line)
    assert ": 16 of its evaluations are left out" in line
    assert not HIDDEN.search(error)


def test_the_card_has_our_markup_alone(saved):
    card = (saved[0] / "README.md").read_text("utf-8")
    assert not HIDDEN.search(card)
    loaded = ModelCard.load(saved[0] / "README.md")
    assert loaded.data.pipeline_tag == "text-classification"
    # A viewer may take the metadata for Markdown too.
    for text in (card, loaded.text):
        tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
        inside = {child.type for token in tokens for child in token.children or ()}
        assert "html_block" not in {token.type for token in tokens}
        assert inside <= {"text", "text_special", "code_inline", "softbreak"}
    headings = [line for line in card.splitlines() if line.startswith("#")]
    assert [heading.removeprefix("## ") for heading in headings[1:]] == SECTIONS
    (shell, python) = [token.content for token in tokens if token.type in ("code_block", "fence")]
    assert shell.count(r"$'./-$(cd;touch PWNED) `x` <b>|[z](https:)\x1b[2J\U0000202e'") == 2
    compile(python, "card", "exec")
    assert r"touch PWNED) `x` <b>|[z](https:)\x1b[2J\u202e" in python


def test_the_page_has_our_markup_alone(saved):
    text = (saved[0] / "report.html").read_text("utf-8")
    assert not HIDDEN.search(text)
    page = Page(text)
    assert page.count("script") == page.count("img") == 0
    assert all(re.fullmatch(r"#.*|reports/test-[0-9a-f]{12}\.html", target) for target in page.fetched)
    assert "<script>alert(1)</script>" in page.text()
    assert ("meta", "default-src 'none'") in [(t, v.get("content", "")[:18]) for t, v in page.elements]


def test_a_notebook_and_a_terminal_show_text(saved, corpus):
    run = open_run(saved[0])
    evaluation = evaluate(run, corpus)
    for shown in (run, evaluation):
        assert repr(shown).isprintable()
        assert not HIDDEN.search(shown._repr_html_())
        assert "<b>" not in shown._repr_html_()


def test_versions_that_a_run_names_are_not_looked_up(saved, corpus, monkeypatch):
    """Each look-up reads all of the environment, and a run may name a million."""
    asked = []
    monkeypatch.setattr("keras_sentiment.machine.version", lambda name: asked.append(name) or "1")
    evaluate(saved[0], corpus).save()
    assert asked == ["scikit-learn"]


VALUES = dict.fromkeys(HISTORY_FIELDS, "1")


BAD = {"loss": ("-1e300", "x"), "epoch": ("nan", "0", "1.5", "1e30", "")}


@pytest.mark.parametrize("row", [{**VALUES, name: value} for name, values in BAD.items() for value in values])
def test_a_history_of_other_numbers_is_refused_in_one_line(copy, row):
    lines = [",".join(HISTORY_FIELDS), ",".join(row[name] for name in HISTORY_FIELDS)]
    (copy / "history.csv").write_text("\n".join(lines))
    with pytest.raises(InputError, match=r"history\.csv: it is damaged") as caught:
        read_history(open_run(copy))
    assert len(str(caught.value)) < 500


def test_a_history_without_end_is_refused(copy):
    line = ",".join(VALUES.values()) + "\n"
    (copy / "history.csv").write_text(",".join(HISTORY_FIELDS) + "\n" + line * 100_001)
    with pytest.raises(InputError, match="more than 100,000 epochs"):
        read_history(open_run(copy))


@pytest.mark.parametrize("depth", [500, 5000, 100_000])
def test_metrics_nested_deeply_are_refused_or_stay(run, corpus, tmp_path, depth):
    """Written as they were read: indented, a list at depth 500 would take 500 bytes for each number."""
    path = shutil.copytree(run.path, tmp_path / "run")
    nested = "[" * depth + ",".join(["0"] * 100_000) + "]" * depth
    (path / "metrics.json").write_text(f'{{"test": {{"{"a" * 64}": {nested}}}}}')
    with contextlib.suppress(InputError):
        evaluate(path, corpus, "validation").save()
    assert os.path.getsize(path / "metrics.json") < 1 << 20


def test_a_page_of_somebody_else_is_not_linked(copy, corpus):
    """Ours begin with the policy under which no script runs, whatever comes then."""
    evaluate(copy, corpus, "validation").save()
    evaluate(copy, corpus, "test").save()
    assert 'href="reports/validation-' in (copy / "report.html").read_text()
    (page,) = (copy / "reports").glob("validation-*")
    for content in ("<script>alert(1)</script>", "<!-- -->" + page.read_text(), ""):
        page.write_text(content)
        evaluate(copy, corpus, "test").save()
        assert 'href="reports/validation-' not in (copy / "report.html").read_text()


def test_a_loss_that_is_no_number_leaves_a_gap(copy, corpus):
    lines = [",".join(HISTORY_FIELDS), ",".join(VALUES.values())]
    for place, value in enumerate(("nan", "inf", "1"), 2):
        row = {**VALUES, "epoch": str(place), "val_loss": value}
        lines.append(",".join(row.values()))
    (copy / "history.csv").write_text("\n".join(lines))
    evaluate(copy, corpus).save()
    assert "Learning curve of the loss" in (copy / "report.html").read_text()
