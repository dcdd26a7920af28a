"""Teachers: what a trained model says of texts without labels is what another one learns."""

import dataclasses
import json

import numpy as np
import pytest
from tiny import INPUTS, RECIPE, TOKENIZER, build, fit_all, reviews, train

import keras_sentiment
from keras_sentiment import training
from keras_sentiment.batches import ReviewBatches
from keras_sentiment.checkpoint import Checkpoint
from keras_sentiment.config import MaskedLMConfig
from keras_sentiment.corpus import open_corpus
from keras_sentiment.errors import InputError
from keras_sentiment.ngrams import adapt_ngrams
from keras_sentiment.preparation import prepare_corpus
from keras_sentiment.readme import readme
from keras_sentiment.recipes import Recipe, RunConfig
from keras_sentiment.soft_labels import Teachers
from keras_sentiment.tokenizer import Tokenizer

FEW = 8  # labelled reviews


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
    """A bundle, of another vocabulary than the corpus's, that says the contrary of its labels."""
    words = Tokenizer([*TOKENIZER.vocabulary[:5], *reversed(TOKENIZER.vocabulary[5:])])
    taught = prepare(folder / "contrary", contrary(200, seed=2), tokenizer=words)
    return str(train(taught, folder / "teacher").path)


def said(path, texts):
    return np.array([result["label"] for result in keras_sentiment.load(path).predict(texts)])


def test_what_a_teacher_says_is_learned(corpus, teacher, folder):
    """A few labels and many texts of which the teacher says the contrary: most of what is learned is his."""
    recipe = RECIPE.replace(teachers=[teacher])
    student = train(corpus, folder / "student", recipe, limit=FEW)
    alone = train(corpus, folder / "alone", limit=FEW)
    texts = [review.text for review in reviews(100, seed=3)]
    expected = said(teacher, texts)
    assert (said(student.path, texts) == expected).mean() > 0.9
    assert (said(alone.path, texts) == expected).mean() < 0.6
    assert student.config.recipe.training.teachers == (teacher,)
    assert "come from 8 of the train reviews and from what teacher said of texts" in readme(student, {})
    assert student.config.trained_reviews == FEW
    again = RunConfig.from_dict(json.loads(json.dumps(student.config.to_dict())))
    assert again.recipe == student.config.recipe


@pytest.mark.once
def test_soft_labels_are_the_mean_of_tempered_logits_and_labels_stay(corpus, teacher, folder):
    other = str(train(corpus, folder / "other").path)
    config = folder / "other" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "temperature": 2.5}))
    texts = list(corpus.unlabelled.texts())
    logs = []
    for path in (teacher, other):
        results = keras_sentiment.load(path).predict(texts)
        found = [list(result["probabilities"].values()) for result in results]
        logs.append(np.log(found))
    powers = np.exp(np.mean(logs, axis=0))
    expected = powers / powers.sum(axis=1, keepdims=True)
    teachers, labelled = Teachers([teacher, other], corpus), corpus.splits["train"]
    joined = teachers.join(labelled)
    teachers.teach(joined, folder)
    np.testing.assert_allclose(joined.soft_labels[len(labelled) :], expected, atol=1e-5)
    np.testing.assert_array_equal(joined.soft_labels[: len(labelled)], np.eye(2)[labelled.labels])
    assert list(joined.texts()) == [*labelled.texts(), *texts]
    batches = ReviewBatches(joined, TOKENIZER, INPUTS, 8, seed=1)
    for index, (rows, _) in enumerate(batches.for_scoring()):
        np.testing.assert_array_equal(batches[index][1], joined.soft_labels[rows])

    # Of a run that is resumed they are there, and are not computed again.
    kept = folder / "soft_labels.npz"
    Checkpoint({"soft_labels": np.full((len(texts), 2), 0.5, "float32")}, {}).write(kept)
    teachers.teach(joined, folder)
    assert (joined.soft_labels[len(labelled) :] == 0.5).all()
    Checkpoint({"soft_labels": np.full((3, 2), 0.5, "float32")}, {}).write(kept)
    with pytest.raises(InputError, match="it labels 3 texts, not 200"):
        teachers.teach(joined, folder)
    kept.write_bytes(b"damaged")
    teachers.teach(joined, folder)
    np.testing.assert_allclose(joined.soft_labels[len(labelled) :], expected, atol=1e-5)


def test_certain_soft_labels_are_labels(corpus):
    """The same counts of n-grams, and the same loss and accuracy, as the labels themselves have."""
    split = corpus.splits["train"]
    soft = dataclasses.replace(split, soft_labels=split.probabilities(2))
    models = [build(), build()]
    models[1].set_weights(models[0].get_weights())
    figures = []
    for model, each in zip(models, (split, soft), strict=True):
        batches = ReviewBatches(each, TOKENIZER, INPUTS)
        adapt_ngrams(model, batches)
        training.compile_model(model, RECIPE.training, 4, "float32", soft=each is soft)
        figures.append(model.evaluate(batches, verbose=0, return_dict=True))
    ratios = [model.get_layer("ngrams").get_weights() for model in models]
    for one, two in zip(*ratios, strict=True):
        np.testing.assert_array_equal(one, two)
    assert figures[0] == pytest.approx(figures[1], abs=1e-5)


@pytest.mark.once
def test_an_interrupted_student_ends_with_the_same_weights(corpus, teacher, folder):
    recipe = RECIPE.replace(teachers=[teacher], class_weight=True)

    def weights(path, stop=None):
        run = training.start(path, corpus, recipe, resume=True)
        model = build()
        fit = training.prepare_fit(model, corpus, run, quiet=True)
        if stop is not None:
            run.checkpoints.joinpath("soft_labels.npz").stat()
            fit_all(fit, [stop])
        fit_all(fit)
        return training.finish(fit, corpus).load_model().get_weights()

    class Stop(training.keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    expected = weights(folder / "whole")
    with pytest.raises(KeyboardInterrupt):
        weights(folder / "broken", Stop())
    for one, two in zip(weights(folder / "broken"), expected, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.once
def test_teachers_that_fit_nothing_are_refused(corpus, teacher, folder):
    plain = prepare(folder / "plain", reviews(60))
    with pytest.raises(InputError, match=r"no texts without labels.*--unlabelled"):
        Teachers([teacher], plain)
    stars = [review._replace(label={"pos": "five", "neg": "one"}[review.label]) for review in reviews(60)]
    rated = prepare(
        folder / "rated", stars, unlabelled=[review._replace(label="") for review in reviews(5, 9)]
    )
    with pytest.raises(InputError, match="labels negative, positive, and the corpus has five, one"):
        Teachers([teacher], rated)
    with pytest.raises(InputError, match="teachers must be left out: pretraining"):
        Recipe(MaskedLMConfig(), INPUTS, dataclasses.replace(RECIPE.training, teachers=(teacher,)))
    with pytest.raises(InputError, match="teachers must be of type"):
        RECIPE.replace(teachers=teacher)
    with pytest.raises(InputError, match="nowhere"):
        Teachers([str(folder / "nowhere")], corpus)
