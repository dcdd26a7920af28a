"""Evaluation says how many of the texts a model, or its rival, was trained on."""

import csv
import json
import shutil

import pytest

from helpers.pages import Page, bad_logits, measured
from helpers.tiny import RECIPE, TOKENIZER, reviews, train
from keras_sentiment.data.corpus import open_corpus
from keras_sentiment.data.fingerprint import copy_key
from keras_sentiment.data.preparation import prepare_corpus
from keras_sentiment.evaluation.evaluate import evaluate
from keras_sentiment.evaluation.model_card import model_card
from keras_sentiment.runs.run import open_run

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def rival(corpus, tmp_path_factory):
    """A run of fewer reviews of the same train part."""
    return train(corpus, tmp_path_factory.mktemp("rivals") / "few", RECIPE.replace(epochs=1), limit=40)


def write(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return path


def warnings(capfd):
    return [line for line in capfd.readouterr().err.splitlines() if line.startswith("Warning: ")]


@pytest.mark.parametrize("change", [str, str.upper, lambda text: f"  {text.replace(' ', '   ')}"])
def test_texts_that_trained_are_counted_in_a_file(run, corpus, change, tmp_path, capfd):
    """However they are written, and each as often as it stands there."""
    trained = [(change(record.text), record.label) for record in corpus.splits["train"].records()][:7]
    others = [(record.text, record.label) for record in corpus.splits["test"].records()]
    file = write(tmp_path / "films.csv", [*trained, *others, trained[0]])
    evaluation = evaluate(run, str(file))
    count = len(others) + 8
    assert evaluation.metrics["seen_in_training"] == 8
    told = f"the model was trained on 8 of the {count} reviews of {file} (all), so its figures may be better"
    assert warnings(capfd) == [f"Warning: {told} than on new texts"]
    assert f"{count} reviews (all, 8 of them trained on)" in repr(evaluation)
    assert f"{count} reviews (all, 8 of them trained on) of" in evaluation._repr_html_()


@pytest.mark.parametrize("split", ["test", "validation", "train"])
def test_a_prepared_corpus_holds_out_what_it_says(run, corpus, split, capfd):
    """Who asks for the train part gets a count, and no warning."""
    evaluation = evaluate(run, corpus, split)
    texts = len(corpus.splits[split])
    assert evaluation.metrics["seen_in_training"] == (texts if split == "train" else 0)
    assert ("trained on" in repr(evaluation)) == (split == "train")
    assert warnings(capfd) == []


def test_the_rival_is_counted_by_itself(run, rival, corpus, tmp_path, capfd):
    known = set(rival.trained_on().keys.tolist())
    rows = [(record.text, record.label) for record in corpus.splits["train"].records()]
    rows += [(review.text, review.label) for review in reviews(30, seed=8)]
    shared = sum(int.from_bytes(copy_key(text), "big") in known for text, _ in rows)
    assert 0 < shared < len(rows) - 30
    file = write(tmp_path / "films.csv", rows)
    metrics = evaluate(run, str(file), against=rival).metrics
    assert (metrics["seen_in_training"], metrics["against"]["seen_in_training"]) == (len(rows) - 30, shared)
    ours, theirs = warnings(capfd)
    assert ours.startswith(f"Warning: the model was trained on {len(rows) - 30} of the {len(rows)} reviews")
    name = f"{rival.path.parent.name}/few, which it is compared with,"
    assert theirs.startswith(f"Warning: {name} was trained on {shared} of the {len(rows)} reviews of")
    metrics = evaluate(rival, write(tmp_path / "new.csv", rows[-30:]), against=run).metrics
    assert (metrics["seen_in_training"], metrics["against"]["seen_in_training"]) == (0, 0)
    assert warnings(capfd) == []


def test_the_report_and_the_card_say_so(run, rival, corpus, tmp_path):
    copy = open_run(shutil.copytree(run.path, tmp_path / "copy"))
    rows = [(record.text, record.label) for record in corpus.splits["train"].records()]
    file = write(tmp_path / "films.csv", rows)
    plain = evaluate(copy, corpus)
    plain.save()
    for name in ("README.md", "report.html"):
        assert "Warning" not in (copy.path / name).read_text("utf-8")
    evaluate(copy, corpus, "train").save()
    assert "Warning" not in (copy.path / "README.md").read_text("utf-8")
    evaluation = evaluate(copy, str(file), against=rival)
    evaluation.save()
    theirs = evaluation.metrics["against"]["seen_in_training"]
    end = "so its figures may be better than on new texts."
    whole = len(rows)
    own, other = "the model", f"{rival.path.parent.name}/few, which it is compared with,"
    page = Page((copy.path / "report.html").read_text("utf-8")).text("header")
    assert f"The model was trained on {whole} of the {whole} texts, {end}" in page
    assert f"{other[0].upper()}{other[1:]} was trained on {theirs} of the {whole} texts, {end}" in page
    card = (copy.path / "README.md").read_text("utf-8")
    data = f"{tmp_path.name}/films.csv".replace("_", r"\_")
    where = f"other data, all of {data} ({evaluation.reviews.fingerprint[:12]})"
    assert f"- Warning: {own} was trained on {whole} of the {whole} texts of {where}, {end}\n" in card
    assert f"- Warning: {other} was trained on {theirs} of the {whole} texts of {where}, {end}\n" in card
    assert str(tmp_path.parent) not in card
    recorded = json.loads((copy.path / "metrics.json").read_text())
    assert recorded["all"][evaluation.reviews.fingerprint] == evaluation.metrics


def test_the_card_names_a_part_of_its_own_data(run, corpus):
    """Copies in other letters can stand in both parts of a source that is divided by itself."""
    split = corpus.splits["test"]
    metrics = {**measured(split, bad_logits(split), run.decision), "seen_in_training": 3}
    card = model_card(run, {"test": {split.fingerprint: metrics}})
    where = "the test split of this data"
    assert f"- Warning: the model was trained on 3 of the {len(split)} texts of {where}, so" in card


def test_the_source_of_the_run_is_no_other_data(corpus, tmp_path):
    """A file of another name with the same texts is, and so is one of that name without them."""
    rows = reviews(120, seed=3)
    (tmp_path / "data").mkdir()
    source = write(tmp_path / "data" / "films.csv", [(review.text, review.label) for review in rows])
    prepare_corpus(rows, tmp_path / "corpus", TOKENIZER, source=str(source), quiet=True)
    run = train(open_corpus(tmp_path / "corpus"), tmp_path / "run", RECIPE.replace(epochs=1))
    evaluate(run, str(source)).save()
    card = (run.path / "README.md").read_text("utf-8")
    assert "| data/films.csv (all), the source of this data |" in card
    assert " texts of data/films.csv (all), the source of this data, so its figures may be" in card
    assert "other data" not in card
    for name, count in (("others.csv", 120), ("films.csv", 60)):
        evaluate(run, str(write(tmp_path / name, [(r.text, r.label) for r in rows[:count]]))).save()
        assert f"other data, all of {tmp_path.name}/{name}".replace("_", r"\_") in (
            run.path / "README.md"
        ).read_text("utf-8")
