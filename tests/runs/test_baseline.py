"""The baselines of a run: what they are fitted on, how good they are, where they go."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

import keras_sentiment
from helpers.saved_runs import one_line, start
from helpers.tiny import RECIPE, TOKENIZER, build, fit_all, train
from keras_sentiment.config import MaskedLMConfig
from keras_sentiment.errors import InputError
from keras_sentiment.runs import baseline as baselines
from keras_sentiment.runs.baseline import Baseline, fit_baseline
from keras_sentiment.runs.run import open_run
from keras_sentiment.storage.checksums import sha256
from keras_sentiment.training.finish import finish_encoder
from keras_sentiment.training.fit import prepare_fit, start_run
from keras_sentiment.training.train import build_model

pytestmark = pytest.mark.once


def config_of(corpus, tmp_path, **changes):
    config = start(tmp_path / "run", corpus).config
    return dataclasses.replace(config, data={**config.data, **changes})


def made_up(labels, count, seed=0):
    """Texts whose one telling word, of three a label, is their own label's in four of five."""
    rng = np.random.default_rng(seed)
    for n in range(count):
        label = int(rng.integers(len(labels)))
        told = label if rng.random() < 0.8 else int(rng.integers(len(labels)))
        words = [*rng.choice(TOKENIZER.vocabulary[5:], 6), f"t{told}x{rng.integers(3)}", f"n{n}"]
        yield " ".join(rng.permutation(words)), labels[label]


def prepared(path, labels, count):
    return keras_sentiment.prepare(list(made_up(labels, count)), path, tokenizer="learn", quiet=True)


@pytest.mark.parametrize("labels", [("neg", "pos"), ("a", "b", "c", "d")])
def test_it_is_as_good_as_scikit_learns(tmp_path, labels):
    """Solved exactly, by another solver, from the texts themselves."""
    corpus = prepared(tmp_path / "data", labels, 1200)
    found = fit_baseline(corpus, config_of(corpus, tmp_path))
    part, test = corpus.splits["train"], corpus.splits["test"]
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+")
    model = LogisticRegression(C=10, max_iter=1000).fit(vectorizer.fit_transform(part.texts()), part.labels)
    expected = model.predict_proba(vectorizer.transform(test.texts()))
    right, losses = found.score(test.texts(), test.labels)
    assert right.mean() > 0.6
    assert right.mean() == pytest.approx((expected.argmax(axis=1) == test.labels).mean(), abs=0.03)
    assert losses.mean() == pytest.approx(log_loss(test.labels, expected), abs=0.03)
    assert found.trained_on == len(part)
    found.write(tmp_path / "baseline.npz")
    again = Baseline.read(tmp_path / "baseline.npz", len(labels), "")
    np.testing.assert_array_equal(again.coefficients, found.coefficients)
    np.testing.assert_array_equal(again.score(test.texts(), test.labels)[1], losses)
    assert found.counts.tolist() == np.bincount(part.labels).tolist()


def test_only_texts_that_train_are_read(corpus, tmp_path, monkeypatch):
    """Of those a draw that holds every label; never validation or test."""
    monkeypatch.setattr(baselines, "MAX_TEXTS", 30)
    read = []
    monkeypatch.setattr(baselines, "_fitted", lambda split, *_: read.append(split))
    fit_baseline(corpus, config_of(corpus, tmp_path, trained_reviews=50))
    (drawn,) = read
    trained = set(corpus.splits["train"].subsample(50, RECIPE.training.seed).texts())
    assert len(drawn) == 30
    assert set(drawn.texts()) <= trained
    assert len(set(drawn.labels.tolist())) == 2
    monkeypatch.setattr(baselines, "MAX_TOKENS", len(corpus.splits["train"].ids) // 10)
    fit_baseline(corpus, config_of(corpus, tmp_path))
    assert len(corpus.splits["train"]) // 12 < len(read[1]) < 30


def test_a_limited_run_counts_its_own_texts(corpus, tmp_path):
    run = train(corpus, tmp_path / "run", RECIPE.replace(epochs=1), limit=40)
    assert run.baseline().counts.sum() == run.baseline().trained_on == 40


def test_few_features_and_no_words(tmp_path, monkeypatch):
    """Many labels leave room for words alone; and texts may have no letters."""
    corpus = prepared(tmp_path / "data", ("a", "b", "c", "d"), 300)
    monkeypatch.setattr(baselines, "MAX_WEIGHTS", 100)
    found = fit_baseline(corpus, config_of(corpus, tmp_path))
    assert found.coefficients.shape == (4, 25)
    assert not any(" " in words for words in found.vocabulary)
    symbols = [("!" * (2 + n) + ":)" * (n % 2) + "?", "ab"[n % 2]) for n in range(60)]
    corpus = keras_sentiment.prepare(symbols, tmp_path / "symbols", tokenizer="learn", quiet=True)
    found = fit_baseline(corpus, config_of(corpus, tmp_path / "symbols"))
    right, _ = found.score(corpus.splits["test"].texts(), corpus.splits["test"].labels)
    assert right.all()


def test_chinese_texts_have_words_too(tmp_path):
    rng = np.random.default_rng(0)
    letters = ["".join(rng.choice(list("电影我们看了很长时间"), 12)) for _ in range(200)]
    rows = [(text + "坏好"[n % 2], "ab"[n % 2]) for n, text in enumerate(letters)]
    corpus = keras_sentiment.prepare(rows, tmp_path / "data", tokenizer="learn", quiet=True)
    found = fit_baseline(corpus, config_of(corpus, tmp_path))
    test = corpus.splits["test"]
    assert found.score(test.texts(), test.labels)[0].mean() > 0.9


def test_it_goes_where_the_run_goes(trained_run, corpus, tmp_path):
    copy = open_run(shutil.copytree(trained_run.path, tmp_path / "copy"))
    found, fitted = copy.baseline(), fit_baseline(corpus, copy.config)
    for field in dataclasses.fields(Baseline):
        one, other = getattr(found, field.name), getattr(fitted, field.name)
        assert np.array_equal(one, other) if isinstance(one, np.ndarray) else one == other
    # A model that is trained further has the same ones to beat.
    before = (copy.path / "baseline.npz").read_bytes()
    copy.save(copy.load_model(), corpus)
    assert (copy.path / "baseline.npz").read_bytes() == before
    assert open_run(copy.path).complete


def test_what_is_made_by_hand_has_it_and_an_encoder_has_none(corpus, tmp_path):
    recipe = RECIPE.replace(ngrams=0, cooccurrence=False)
    saved = keras_sentiment.save_run(build(recipe.model), corpus, tmp_path / "by hand", recipe)
    assert saved.baseline().trained_on == len(corpus.splits["train"])
    recipe = dataclasses.replace(
        RECIPE, model=MaskedLMConfig(num_layers=1, num_heads=2, hidden_dim=8, intermediate_dim=16)
    )
    begun = start_run(tmp_path / "encoder", corpus, recipe)
    fit = prepare_fit(build_model(recipe, corpus), corpus, begun, quiet=True)
    fit_all(fit)
    finish_encoder(fit, corpus)
    assert not (tmp_path / "encoder" / "baseline.npz").exists()


def test_ctrl_c_leaves_nothing_half_written(corpus, tmp_path, monkeypatch):
    """And the training can be ended later."""
    recipe = RECIPE.replace(epochs=1)
    with monkeypatch.context() as patch:
        patch.setattr(baselines, "_fitted", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            keras_sentiment.train(corpus, tmp_path / "run", recipe, quiet=True)
    names = {item.name for item in (tmp_path / "run").iterdir()}
    assert names == {"config.json", "checkpoints", "history.csv"}
    run = keras_sentiment.train(corpus, tmp_path / "run", recipe, resume=True, quiet=True)
    assert run.complete
    assert run.baseline().trained_on == len(corpus.splits["train"])


def rewritten(path, **changes):
    found = Baseline.read(path, 2, "")
    dataclasses.replace(found, **changes).write(path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes()[:1000]),
        lambda path: rewritten(path, counts=np.array([1, 2, 3])),
        lambda path: rewritten(path, counts=np.array([-1, 200])),
        lambda path: rewritten(path, trained_on=0),
        lambda path: rewritten(path, trained_on=10**6),
        lambda path: rewritten(path, vocabulary=("a", "b")),
        lambda path: rewritten(path, vocabulary=("a",) * len(Baseline.read(path, 2, "").vocabulary)),
        lambda path: rewritten(path, intercepts=np.array([np.nan])),
        lambda path: rewritten(path, intercepts=np.zeros(2)),
    ],
)
@pytest.mark.parametrize("checksums", [True, False])
def test_damage_is_told_in_one_line(copy, damage, checksums):
    file = copy / "baseline.npz"
    damage(file)
    if not checksums:  # as of somebody who damaged it with care
        known = json.loads((copy / "checksums.json").read_text())
        known["baseline.npz"] = sha256(file) if file.exists() else "none"
        (copy / "checksums.json").write_text(json.dumps(known))
    with pytest.raises(InputError) as caught:
        open_run(copy).baseline()
    one_line(caught, file, "copy it anew from where it came, or train again")
