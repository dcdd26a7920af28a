"""A run is measured, and what was measured is written where it is asked for."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from helpers.pages import Page
from helpers.tiny import TOKENIZER, hostile_to_cleaning, reviews, train
from keras_sentiment.config import DEFAULT_SEED
from keras_sentiment.data.config import PrepareConfig
from keras_sentiment.data.corpus import open_corpus
from keras_sentiment.data.preparation import prepare_corpus
from keras_sentiment.errors import InputError
from keras_sentiment.evaluation.evaluate import evaluate
from keras_sentiment.evaluation.perturbations import PERTURBATIONS
from keras_sentiment.evaluation.report import page_name
from keras_sentiment.inference.load import load
from keras_sentiment.metrics.figures import compare
from keras_sentiment.runs.run import open_run
from keras_sentiment.text.cleaning import clean
from keras_sentiment.text.tokenizer import Tokenizer

pytestmark = pytest.mark.once

COLUMNS = PrepareConfig()


def name_of(corpus):
    return page_name("test", corpus.splits["test"].fingerprint)


def tree(folder):
    return {item.relative_to(folder): item.read_bytes() for item in folder.rglob("*") if item.is_file()}


def test_nothing_is_written_before_it_is_saved(run, corpus, tmp_path):
    copy = open_run(shutil.copytree(run.path, tmp_path / "copy"))
    before = tree(copy.path)
    evaluation = evaluate(copy, str(corpus.path), config=COLUMNS)
    assert tree(copy.path) == before
    page = evaluation.save()
    assert page == copy.path / "report.html"
    after = tree(copy.path)
    assert {*after} - {*before} == {
        Path(name) for name in ("metrics.json", "report.html", "README.md", f"reports/{name_of(corpus)}")
    }
    assert all(after[name] == content for name, content in before.items())
    split = corpus.splits["test"]
    recorded = json.loads((copy.path / "metrics.json").read_text())
    assert recorded == {"test": {split.fingerprint: evaluation.metrics}}


def test_figures_are_those_of_the_logits(run, corpus):
    evaluation = evaluate(run, str(corpus.path), "validation", config=COLUMNS)
    metrics, split = evaluation.metrics, corpus.splits["validation"]
    assert metrics["split"] == "validation"
    assert list(evaluation.reviews.texts()) == list(split.texts())
    right = evaluation.logits.argmax(axis=1) == split.labels
    assert metrics["accuracy"] == pytest.approx(right.mean())
    assert sum(row["reviews"] for row in metrics["by_length"]) == metrics["examples"] == len(split)
    # What is not asked for is not computed.
    assert not {"against", "perturbed"} & set(metrics)


def test_windows_read_long_texts_whole(run, corpus):
    """The model reads eight tokens, the two at the ends among them."""
    short, long = (
        evaluate(run, str(corpus.path), config=COLUMNS, windows=windows) for windows in (False, True)
    )
    assert (short.metrics["windows"], long.metrics["windows"]) == (False, True)
    fits = corpus.splits["test"].lengths <= 6
    assert 0 < fits.sum() < len(fits)
    differs = ~np.isclose(short.logits, long.logits, atol=1e-4).all(axis=1)
    assert not differs[fits].any()
    assert differs[~fits].any()


def test_another_run_is_compared_on_the_same_reviews(run, transformer, corpus):
    other = transformer[1]
    evaluation = evaluate(run, str(corpus.path), config=COLUMNS, against=other, perturb=True)
    theirs = evaluate(other, str(corpus.path), config=COLUMNS)
    labels = corpus.splits["test"].labels
    right = run.decision.correct(evaluation.logits, labels), other.decision.correct(theirs.logits, labels)
    assert evaluation.metrics["against"] == {
        "run_dir": str(other.path),
        **compare(*right),
        "seen_in_training": 0,
    }
    assert set(evaluation.metrics["perturbed"]) == set(PERTURBATIONS)


def test_rival_and_perturbations_read_texts_that_were_cleaned_once(run, tmp_path):
    """Cleaned twice, these texts say the contrary: neither the rival nor a perturbation may read them so."""
    words = Tokenizer([*TOKENIZER.vocabulary[:5], *reversed(TOKENIZER.vocabulary[5:])])
    prepare_corpus(reviews(200), tmp_path / "data", words, quiet=True)
    rival = train(open_corpus(tmp_path / "data"), tmp_path / "rival")
    pairs = hostile_to_cleaning(40)
    labels = np.array([label == "pos" for _, label in pairs])
    raw = [text for text, _ in pairs]
    texts = [clean(text) for text in raw]
    found = []
    for folder in (run.path, rival.path):
        once, twice = (load(folder).probabilities(each)[:, 1] > 0.5 for each in (raw, texts))
        found.append((once == labels).mean())
        assert found[-1] > 0.9 > 0.1 > (twice == labels).mean()
    metrics = evaluate(run, pairs, against=rival, perturb=True).metrics
    assert [metrics["accuracy"], metrics["against"]["accuracy"]] == found
    assert metrics["perturbed"]["markup"]["flipped"] == 0
    model = load(run.path)
    before = model.probabilities(raw)[:, 1] > 0.5
    for name in ("typos", "neutral"):
        rng = np.random.default_rng(DEFAULT_SEED)
        changed = model.tokenizer.encode([PERTURBATIONS[name](text, rng) for text in texts])
        after = model.decision.probabilities(model.logits(changed))[:, 1] > 0.5
        assert metrics["perturbed"][name]["flipped"] == (after != before).sum()


def test_precision_is_taken_by_both_models_and_named(run, transformer, corpus, tmp_path):
    copy = open_run(shutil.copytree(run.path, tmp_path / "copy"))
    plain = evaluate(copy, corpus, against=transformer[1])
    mixed = evaluate(copy, corpus, against=transformer[1], precision="mixed_bfloat16")
    assert (plain.metrics["precision"], mixed.metrics["precision"]) == ("float32", "mixed_bfloat16")
    assert 0 < np.abs(mixed.logits - plain.logits).max() < 0.2
    loaded = load(copy, "mixed_bfloat16")
    np.testing.assert_array_equal(mixed.logits, loaded.logits(mixed.reviews))
    theirs = load(transformer[1], "mixed_bfloat16").logits(mixed.reviews)
    right = transformer[1].decision.correct(theirs, mixed.reviews.labels).mean()
    assert mixed.metrics["against"]["accuracy"] == pytest.approx(right)
    assert "torch, float32;" in plain.save().read_text()
    assert "torch, mixed_bfloat16;" in mixed.save().read_text()
    assert json.loads((copy.path / "metrics.json").read_text())["test"].popitem()[1]["precision"] == (
        "mixed_bfloat16"
    )


def test_precision_that_there_is_not_is_refused(run, corpus):
    with pytest.raises(InputError, match=r"precision must be one of auto, float32.*float8"):
        evaluate(run, corpus, precision="float8")


def test_columns_are_those_that_are_named(run, tmp_path):
    rows = reviews(6)
    table = tmp_path / "it.csv"
    table.write_text("said,stars\n" + "".join(f"{review.text},{review.label}\n" for review in rows))
    evaluation = evaluate(run, str(table), config=PrepareConfig(text_column="said", label_column="stars"))
    assert evaluation.metrics["split"] == "all"
    assert list(evaluation.reviews.texts()) == [review.text for review in rows]
    with pytest.raises(InputError, match="no"):
        evaluate(run, str(table), config=PrepareConfig(text_column="no", label_column="stars"))


def test_a_page_outlives_the_evaluation_of_other_data(run, corpus, tmp_path):
    """And the same data, measured again, has its own page anew."""
    copy = open_run(shutil.copytree(run.path, tmp_path / "copy"))
    evaluate(copy, corpus).save()
    first = copy.path / "reports" / name_of(corpus)
    before = first.read_text("utf-8")
    assert (copy.path / "report.html").read_text("utf-8") == before
    table = tmp_path / "new <films>.csv"
    table.write_text("text,label\n" + "".join(f"{r.text},{r.label}\n" for r in reviews(9, seed=5)))
    evaluate(copy, str(table)).save()
    assert first.read_text("utf-8") == before
    page = Page((copy.path / "report.html").read_text("utf-8"))
    assert "new <films>.csv" in page.text("header")
    (target,) = [target for target in page.fetched if not target.startswith("#")]
    assert target == f"reports/{name_of(corpus)}"
    assert (copy.path / target).is_file()
    assert len(list((copy.path / "reports").iterdir())) == 2
    evaluate(copy, corpus).save()
    assert len(list((copy.path / "reports").iterdir())) == 2
    assert first.read_text("utf-8") != before
    inner = [target for target in Page(first.read_text("utf-8")).fetched if not target.startswith("#")]
    assert [(first.parent / target).is_file() for target in inner] == [True]
    assert "new \\<films\\>.csv" in (copy.path / "README.md").read_text("utf-8")


def test_another_folder_can_have_the_figures(run, corpus, tmp_path):
    copy = open_run(shutil.copytree(run.path, tmp_path / "copy"))
    before, evaluation = tree(copy.path), evaluate(copy, corpus)
    assert evaluation.save(tmp_path / "out") == tmp_path / "out" / "report.html"
    assert tree(copy.path) == before
    assert {item.name for item in (tmp_path / "out").iterdir()} == {"metrics.json", "report.html"}
    recorded = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert recorded == {"test": {corpus.splits["test"].fingerprint: evaluation.metrics}}
    with pytest.raises(InputError, match="out"):
        evaluation.save(tmp_path / "out")


def test_a_link_in_the_place_of_the_pages_is_refused(run, corpus, tmp_path):
    copy = open_run(shutil.copytree(run.path, tmp_path / "copy"))
    (tmp_path / "elsewhere").mkdir()
    (copy.path / "reports").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="reports"):
        evaluate(copy, corpus).save()
    assert not list((tmp_path / "elsewhere").iterdir())


def test_baselines_are_measured_on_the_same_texts(run, corpus):
    metrics, split = evaluate(run, corpus).metrics, corpus.splits["test"]
    baseline = run.baseline()
    right, losses = baseline.score(split.texts(), split.labels)
    found = metrics["baselines"]
    assert found["tfidf"]["accuracy"] == pytest.approx(right.mean())
    assert found["tfidf"]["loss"] == pytest.approx(losses.mean())
    majority = run.config.labels[baseline.counts.argmax()]
    assert found["majority"]["label"] == majority
    assert found["majority"]["accuracy"] == pytest.approx(metrics["support"][majority] / len(split))
    for each in found.values():
        assert each["difference"] == pytest.approx(metrics["accuracy"] - each["accuracy"])


def test_a_notebook_shows_the_same(run, corpus):
    evaluation = evaluate(run, corpus)
    shown = Page(evaluation._repr_html_()).text("table")
    for name in run.config.labels:
        assert name in shown
    for found in evaluation.metrics["baselines"].values():
        assert f"{found['difference']:+.4f}" in shown
