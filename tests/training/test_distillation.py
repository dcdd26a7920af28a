"""Teachers: another model learns the soft labels of a trained one."""

import dataclasses
import json
import shutil

import keras
import numpy as np
import pytest

import keras_sentiment
from helpers.saved_runs import sign
from helpers.tiny import INPUTS, RECIPE, TOKENIZER, build, fit_all, hostile_to_cleaning, reviews, train
from keras_sentiment.batches.review_batches import ReviewBatches
from keras_sentiment.config import MaskedLMConfig
from keras_sentiment.data.corpus import open_corpus
from keras_sentiment.data.preparation import prepare_corpus
from keras_sentiment.data.reviews import Review
from keras_sentiment.errors import InputError
from keras_sentiment.evaluation.model_card import model_card
from keras_sentiment.recipes import Recipe
from keras_sentiment.runs.config import RunConfig
from keras_sentiment.storage.locks import lock, unlock
from keras_sentiment.text.tokenizer import Tokenizer
from keras_sentiment.training.adaptation import adapt_ngrams
from keras_sentiment.training.class_weights import balanced_weights
from keras_sentiment.training.distillation import SoftLabels
from keras_sentiment.training.finish import finish
from keras_sentiment.training.fit import prepare_fit, start_run
from keras_sentiment.training.optimization import compile_model

FEW = 8  # labelled reviews


class Stopped(Exception):
    """Ends a training as a kill would."""


class Stop(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        raise Stopped


def prepare(path, labelled, tokenizer=TOKENIZER, unlabelled=()):
    prepare_corpus(labelled, path, tokenizer, unlabelled=unlabelled, source="made up", quiet=True)
    return open_corpus(path)


def unlabelled(count, seed):
    return [review._replace(label="") for review in reviews(count, seed)]


def contrary(count, seed):
    """Reviews that are negative by the word `good`."""
    other = {"pos": "neg", "neg": "pos"}
    return [review._replace(label=other[review.label]) for review in reviews(count, seed)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("teachers")


@pytest.fixture(scope="module")
def corpus(folder):
    return prepare(folder / "data", reviews(60), unlabelled=unlabelled(200, seed=1))


@pytest.fixture(scope="module")
def teacher(folder):
    """A run, of another vocabulary than the corpus's, that says the contrary of its labels."""
    words = Tokenizer([*TOKENIZER.vocabulary[:5], *reversed(TOKENIZER.vocabulary[5:])])
    taught = prepare(folder / "contrary", contrary(200, seed=2), tokenizer=words)
    return str(train(taught, folder / "teacher").path)


def said(path, texts):
    return np.array([result["label"] for result in keras_sentiment.load(path).predict(texts)])


@pytest.mark.once
def test_soft_labels_of_a_teacher_are_learned(corpus, teacher, folder):
    """A few labels and many texts of which the teacher says the contrary: most of what is learned is his."""
    recipe = RECIPE.replace(teachers=[teacher])
    student = train(corpus, folder / "student", recipe, limit=FEW)
    alone = train(corpus, folder / "alone", limit=FEW)
    texts = [review.text for review in reviews(100, seed=3)]
    expected = said(teacher, texts)
    assert (said(student.path, texts) == expected).mean() > 0.9
    assert (said(alone.path, texts) == expected).mean() < 0.6
    assert student.config.recipe.training.teachers == (teacher,)
    card = model_card(student, {})
    assert "trained on 8 of the train texts" in card
    assert "soft labels of unlabelled texts, given by teachers0/teacher" in card
    assert student.config.trained_reviews == FEW
    again = RunConfig.from_dict(json.loads(json.dumps(student.config.to_dict())))
    assert again.recipe == student.config.recipe


@pytest.mark.once
def test_soft_labels_are_the_mean_of_tempered_logits_and_labels_stay(corpus, teacher, folder):
    other = str(train(corpus, folder / "other").path)
    config = folder / "other" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "temperature": 2.5}))
    sign(config.parent)
    texts = list(corpus.unlabelled.texts())
    logs = []
    for path in (teacher, other):
        results = keras_sentiment.load(path).predict(texts)
        found = [list(result["probabilities"].values()) for result in results]
        logs.append(np.log(found))
    powers = np.exp(np.mean(logs, axis=0))
    expected = powers / powers.sum(axis=1, keepdims=True)
    run = start_run(folder / "mean", corpus, RECIPE.replace(teachers=[teacher, other]))
    labelled = corpus.splits["train"]
    joined = SoftLabels.of_run(run, corpus, quiet=True).join(labelled)
    np.testing.assert_allclose(joined.soft_labels[len(labelled) :], expected, atol=1e-5)
    np.testing.assert_array_equal(joined.soft_labels[: len(labelled)], np.eye(2)[labelled.labels])
    assert list(joined.texts()) == [*labelled.texts(), *texts]
    batches = ReviewBatches(joined, TOKENIZER, INPUTS, 8, seed=1)
    for index, (rows, _) in enumerate(batches.for_scoring()):
        np.testing.assert_array_equal(batches[index][1], joined.soft_labels[rows])
    likely = joined.soft_labels.argmax(axis=1)
    weights = balanced_weights(joined, 2)
    assert sum(weights[label] for label in likely.tolist()) == pytest.approx(len(joined))


@pytest.mark.once
def test_a_teacher_of_another_vocabulary_reads_texts_that_were_cleaned_once(teacher, folder):
    texts = [text for text, _ in hostile_to_cleaning(40)]
    more = [Review(text, "", str(n)) for n, text in enumerate(texts)]
    corpus = prepare(folder / "hostile", reviews(60), unlabelled=more)
    run = start_run(folder / "taught", corpus, RECIPE.replace(teachers=[teacher]))
    found = SoftLabels.of_run(run, corpus, quiet=True).probabilities
    model = keras_sentiment.load(teacher)
    np.testing.assert_allclose(found, model.probabilities(texts), atol=1e-5)
    twice = model.probabilities(corpus.unlabelled.texts())
    assert not np.isclose(found, twice, atol=0.1).any()


@pytest.mark.filterwarnings("ignore:.*was not adapted")
def test_certain_soft_labels_are_labels(corpus):
    """The same n-grams, and the same loss and accuracy, before and after steps, as the labels have."""
    split = corpus.splits["train"]
    soft = dataclasses.replace(split, soft_labels=split.targets(2))
    models = [build(), build()]
    models[1].set_weights(models[0].get_weights())
    figures = []
    for model, each in zip(models, (split, soft), strict=True):
        batches = ReviewBatches(each, TOKENIZER, INPUTS)
        adapt_ngrams(model.get_layer("ngrams"), batches)
        compile_model(model, RECIPE.training, 4, "float32", soft=each is soft)
        before = model.evaluate(batches, verbose=0, return_dict=True)
        for _ in range(3):
            model.train_on_batch(*batches[0])
        figures.append((before, model.evaluate(batches, verbose=0, return_dict=True)))
    for one, two in zip(*(model.get_layer("ngrams").get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(one, two)
    for one, two in zip(*figures, strict=True):
        assert one == pytest.approx(two, abs=1e-4)
    for before, after in figures:
        assert after["loss"] < before["loss"] - 1e-3


@pytest.mark.once
def test_an_interrupted_student_goes_on_without_its_teachers(corpus, teacher, tmp_path):
    """To the same weights, with no checkpoint yet; another precision makes layers after teachers are read."""
    moved = shutil.copytree(teacher, tmp_path / "teacher")
    dropped = dataclasses.replace(RECIPE.model, dropout=0.2, embedding_dropout=0.2)
    recipe = dataclasses.replace(RECIPE, model=dropped).replace(
        teachers=[str(moved)], class_weight=True, precision="mixed_bfloat16", epochs=1
    )

    def weights(path, *callbacks):
        run = start_run(path, corpus, recipe, resume=True)
        fit = prepare_fit(build(dropped), corpus, run, quiet=True)
        fit_all(fit, callbacks)
        return finish(fit, corpus).load_model().get_weights()

    expected = weights(tmp_path / "whole")
    with pytest.raises(Stopped):
        weights(tmp_path / "broken", Stop())
    shutil.rmtree(moved)
    for one, two in zip(weights(tmp_path / "broken"), expected, strict=True):
        np.testing.assert_array_equal(one, two)

    with pytest.raises(InputError, match="teacher"):
        weights(tmp_path / "anew")
    assert not (tmp_path / "anew").exists()


@pytest.mark.once
def test_ngrams_are_fitted_to_what_is_learned(corpus, teacher, tmp_path, monkeypatch):
    """The unlabelled texts with their soft labels, weights of labels."""
    asked = []
    monkeypatch.setattr(
        "keras_sentiment.training.adaptation.adapt_ngrams", lambda *arguments: asked.append(arguments) or []
    )
    recipe = RECIPE.replace(teachers=[teacher], class_weight=True)
    fit = prepare_fit(build(), corpus, start_run(tmp_path / "run", corpus, recipe), quiet=True)
    ((_, batches, class_weight, folder),) = asked
    assert len(batches.split) == len(corpus.splits["train"]) + len(corpus.unlabelled)
    np.testing.assert_array_equal(batches.split.soft_labels, fit.train.split.soft_labels)
    assert class_weight == fit.class_weight
    assert len(set(class_weight.values())) == 2
    assert folder == tmp_path / "run" / "checkpoints"


@pytest.mark.once
def test_teachers_compute_in_the_precision_of_the_run(corpus, teacher, tmp_path):
    found = []
    for precision in ("float32", "mixed_bfloat16"):
        run = start_run(tmp_path / precision, corpus, RECIPE.replace(teachers=[teacher], precision=precision))
        found.append(SoftLabels.of_run(run, corpus, quiet=True).probabilities)
    assert not np.array_equal(*found)
    np.testing.assert_allclose(*found, atol=0.05)


@pytest.mark.once
def test_kept_soft_labels_are_of_these_texts(corpus, teacher, folder, tmp_path):
    recipe = RECIPE.replace(teachers=[teacher])
    run = start_run(tmp_path / "run", corpus, recipe)
    soft = SoftLabels.of_run(run, corpus, quiet=True)
    run.begin()
    soft.keep(run)
    unlock(lock(run.path))
    resumed = start_run(tmp_path / "run", corpus, recipe, resume=True)
    np.testing.assert_array_equal(SoftLabels.of_run(resumed, corpus).probabilities, soft.probabilities)
    fewer = dataclasses.replace(corpus, unlabelled=corpus.unlabelled.take(range(100)))
    with pytest.raises(InputError, match="begun with other unlabelled texts"):
        SoftLabels.of_run(resumed, fewer)
    (run.checkpoints / "soft_labels.npz").write_bytes(b"damaged")
    again = SoftLabels.of_run(resumed, corpus, quiet=True)
    np.testing.assert_array_equal(again.probabilities, soft.probabilities)


@pytest.mark.once
def test_teachers_that_fit_nothing_are_refused(corpus, teacher, folder, tmp_path):
    def asked(corpus, teachers, path=tmp_path / "run", **options):
        run = start_run(path, corpus, RECIPE.replace(teachers=teachers), **options)
        return SoftLabels.of_run(run, corpus, quiet=True)

    plain = prepare(tmp_path / "plain", reviews(60))
    empty = dataclasses.replace(corpus, unlabelled=corpus.unlabelled.take([]))
    for nothing in (plain, empty):
        with pytest.raises(InputError, match=r"no unlabelled texts.*--unlabelled"):
            asked(nothing, [teacher])
    stars = [review._replace(label={"pos": "five", "neg": "one"}[review.label]) for review in reviews(60)]
    rated = prepare(tmp_path / "rated", stars, unlabelled=unlabelled(5, seed=9))
    with pytest.raises(InputError, match="labels negative, positive, and the corpus has five, one"):
        asked(rated, [teacher])
    with pytest.raises(InputError, match="own teacher; name another folder"):
        asked(corpus, [teacher], teacher, overwrite=True)
    with pytest.raises(InputError, match="teachers must be left out: pretraining"):
        Recipe(MaskedLMConfig(), INPUTS, dataclasses.replace(RECIPE.training, teachers=(teacher,)))
    with pytest.raises(InputError, match="teachers must be of type"):
        RECIPE.replace(teachers=teacher)
    with pytest.raises(InputError, match="nowhere"):
        asked(corpus, [teacher, str(tmp_path / "nowhere")])
