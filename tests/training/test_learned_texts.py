"""A run keeps what texts it has learned from, by way of others too, and says which of them are held out."""

import dataclasses
import shutil

import pytest

import keras_sentiment
from helpers.masked import unlabelled
from helpers.saved_runs import sign
from helpers.tiny import INPUTS, MODEL, RECIPE, TOKENIZER, TRAINING, build, fit_all, reviews, save_run, train
from keras_sentiment.config import MaskedLMConfig
from keras_sentiment.data.config import PrepareConfig
from keras_sentiment.data.corpus import open_corpus
from keras_sentiment.data.fingerprint import copy_key
from keras_sentiment.data.preparation import prepare_corpus
from keras_sentiment.data.text_keys import TextKeys
from keras_sentiment.errors import InputError
from keras_sentiment.evaluation.model_card import model_card
from keras_sentiment.models.transformer import build_masked_lm
from keras_sentiment.recipes import Recipe
from keras_sentiment.runs.run import open_run
from keras_sentiment.runs.run_files import read_config
from keras_sentiment.storage.locks import lock, unlock
from keras_sentiment.training.finish import finish, finish_encoder
from keras_sentiment.training.fit import prepare_fit, start_run
from keras_sentiment.training.train import build_model

pytestmark = pytest.mark.once

SHORT = RECIPE.replace(epochs=1, cooccurrence=False)
SIZES = {field.name: getattr(SHORT.model, field.name) for field in dataclasses.fields(MODEL)}
PRETRAINING = Recipe(MaskedLMConfig(**SIZES), INPUTS, dataclasses.replace(TRAINING, epochs=1))


def prepare(path, labelled, seed=0, others=()):
    config = PrepareConfig(seed=seed)
    prepare_corpus(labelled, path, TOKENIZER, unlabelled=others, source="made up", config=config, quiet=True)
    return open_corpus(path)


def keys_of(*splits):
    return {int.from_bytes(copy_key(text), "big") for split in splits for text in split.texts()}


def kept(run):
    """What is on the disk, of a run that is complete or has begun."""
    folder = run.path if run.complete else run.checkpoints
    return set(TextKeys.read(folder / "trained_on.npy", "").keys.tolist())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("learned")


@pytest.fixture(scope="module")
def corpus(folder):
    return prepare(folder / "data", reviews(60), others=unlabelled(30))


@pytest.fixture(scope="module")
def redrawn(folder):
    """The same reviews, of which other ones are held out, and other texts without labels."""
    return prepare(folder / "redrawn", reviews(60), seed=5, others=unlabelled(20, seed=9))


@pytest.fixture(scope="module")
def teacher(redrawn, folder):
    return train(redrawn, folder / "teacher", SHORT)


@pytest.fixture(scope="module")
def encoder(redrawn, folder):
    run = start_run(folder / "encoder", redrawn, PRETRAINING)
    model = build_masked_lm(PRETRAINING.model, TOKENIZER.vocabulary_size, INPUTS.sequence_length)
    fit = prepare_fit(model, redrawn, run, quiet=True)
    fit_all(fit)
    finish_encoder(fit, redrawn)
    return fit.run


def begun(corpus, path, recipe, limit=None, **options):
    """What a run knows when it has begun, trained or not."""
    fit = prepare_fit(
        build_model(recipe, corpus), corpus, start_run(path, corpus, recipe, **options), limit, True
    )
    unlock(lock(path))
    return fit


@pytest.mark.parametrize("limit", [None, 20])
@pytest.mark.parametrize("cooccurrence", [False, True])
def test_texts_that_train_are_kept(corpus, tmp_path, limit, cooccurrence):
    """Those that are drawn; and those without labels where neighbouring tokens are counted in them."""
    fit = begun(corpus, tmp_path / "run", RECIPE.replace(cooccurrence=cooccurrence), limit)
    expected = keys_of(fit.train.split, *([corpus.unlabelled] if cooccurrence else []))
    assert kept(fit.run) == expected
    assert len(expected) == (limit or len(corpus.splits["train"])) + 30 * cooccurrence
    assert not kept(fit.run) & keys_of(corpus.splits["validation"], corpus.splits["test"])


def test_a_complete_run_is_refused_without_them(redrawn, teacher, tmp_path):
    run = open_run(teacher.path)
    assert set(run.trained_on().keys.tolist()) == keys_of(redrawn.splits["train"])
    copy = open_run(shutil.copytree(teacher.path, tmp_path / "copy"))
    file = copy.path / "trained_on.npy"
    content = file.read_bytes()
    file.write_bytes(content[:-8] + b"\xff" * 8)
    with pytest.raises(
        InputError, match=r"trained_on\.npy: it has changed since it was written; copy it anew"
    ):
        open_run(copy.path)
    file.unlink()
    with pytest.raises(
        InputError, match=r"trained_on\.npy: the list of known texts can't be read .*; copy it anew"
    ):
        copy.trained_on()


def test_an_encoder_keeps_texts_without_labels(redrawn, encoder):
    assert kept(encoder) == keys_of(redrawn.splits["train"], redrawn.unlabelled)


def test_what_others_learned_from_counts(corpus, redrawn, teacher, encoder, tmp_path):
    """Teachers, their teachers, the encoder."""
    own = keys_of(corpus.splits["train"], corpus.unlabelled)
    student = train(corpus, tmp_path / "student", SHORT.replace(teachers=[str(teacher.path)]))
    assert kept(student) == own | keys_of(redrawn.splits["train"])
    started = begun(corpus, tmp_path / "started", RECIPE.replace(pretrained=str(encoder.path)))
    assert kept(started.run) == keys_of(corpus.splits["train"]) | kept(encoder)
    other = prepare(tmp_path / "other", reviews(40, seed=3), others=unlabelled(5, seed=4))
    pupil = begun(other, tmp_path / "pupil", SHORT.replace(teachers=[str(student.path)]))
    assert kept(pupil.run) == keys_of(other.splits["train"], other.unlabelled) | kept(student)


def held_out_and_seen(corpus, known):
    return {name: len(known & keys_of(corpus.splits[name])) for name in ("test", "validation")}


def test_texts_that_are_held_out_and_were_learned_are_told(corpus, teacher, encoder, tmp_path, capfd):
    recipe = SHORT.replace(teachers=[str(teacher.path)], pretrained=str(encoder.path))
    fit = begun(corpus, tmp_path / "run", recipe)
    seen = held_out_and_seen(corpus, kept(teacher))
    assert min(seen.values()) > 0
    sizes = {name: len(corpus.splits[name]) for name in seen}
    was = "was trained on " + " and ".join(f"{seen[n]} of the {sizes[n]} {n} texts" for n in seen)
    end = "may be better than on new texts"
    expected = [
        f"the teacher {teacher.path.parent.name}/teacher {was}; there its figures and this model's {end}",
        f"the encoder {teacher.path.parent.name}/encoder {was}; there this model's figures {end}",
    ]
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("Warning: ")]
    assert lines == [f"Warning: {line}" for line in expected]
    assert read_config(fit.run.path).data["warnings"] == expected
    card = model_card(fit.run, {})
    assert all(f"- Warning: {line}.\n" in card for line in expected)
    assert str(tmp_path.parent) not in card


def test_nothing_is_told_where_all_is_well(redrawn, teacher, encoder, tmp_path, capfd):
    """The teacher and the encoder know the train part of this very corpus."""
    recipe = SHORT.replace(teachers=[str(teacher.path)], pretrained=str(encoder.path))
    fit = begun(redrawn, tmp_path / "run", recipe)
    assert "Warning" not in capfd.readouterr().err
    assert fit.run.config.data["warnings"] == redrawn.info["warnings"]


def test_a_run_that_is_resumed_knows_what_its_teachers_learned_from(corpus, redrawn, teacher, tmp_path):
    moved = shutil.copytree(teacher.path, tmp_path / "teacher")
    recipe = SHORT.replace(teachers=[str(moved)])
    first = begun(corpus, tmp_path / "run", recipe)
    (first.run.checkpoints / "trained_on.npy").unlink()  # as if it had been killed before
    again = begun(corpus, tmp_path / "run", recipe, resume=True)
    assert kept(again.run) == set(first.run.texts.keys.tolist())
    shutil.rmtree(moved)
    last = begun(corpus, tmp_path / "run", recipe, resume=True)
    assert kept(last.run) == set(first.run.texts.keys.tolist()) >= keys_of(redrawn.splits["train"])
    assert len(last.run.config.data["warnings"]) == 1
    fit_all(last)
    run = open_run(finish(last, corpus).path)
    assert kept(run) == set(first.run.texts.keys.tolist())
    assert run.config.data["warnings"] == last.run.config.data["warnings"]


def test_a_teacher_is_asked_again_where_what_it_said_is_damaged(corpus, teacher, tmp_path):
    moved = shutil.copytree(teacher.path, tmp_path / "teacher")
    recipe = SHORT.replace(teachers=[str(moved)])
    first = begun(corpus, tmp_path / "run", recipe)
    file = first.run.checkpoints / "trained_on.npy"
    file.write_bytes(b"damaged")
    assert kept(begun(corpus, tmp_path / "run", recipe, resume=True).run) == kept(first.run)
    file.write_bytes(b"damaged")
    shutil.rmtree(moved)
    with pytest.raises(InputError, match=r"teacher/trained_on\.npy: the list of known texts can't be read"):
        begun(corpus, tmp_path / "run", recipe, resume=True)


def test_a_teacher_that_tells_nothing_is_refused(corpus, teacher, tmp_path):
    """As one that came from elsewhere; nothing is left of the run."""
    silent = shutil.copytree(teacher.path, tmp_path / "silent")
    (silent / "trained_on.npy").write_bytes(b"silence")
    sign(silent)
    with pytest.raises(InputError, match=r"silent/trained_on\.npy: .*; train or export it again"):
        begun(corpus, tmp_path / "run", SHORT.replace(teachers=[str(silent)]))
    assert not (tmp_path / "run").exists()


def test_a_model_that_was_trained_by_hand_has_the_texts_of_its_corpus(corpus, redrawn, teacher, tmp_path):
    recipe = RECIPE.replace(teachers=[str(teacher.path)], ngrams=0, cooccurrence=False)
    run = keras_sentiment.save_run(build(recipe.model), corpus, tmp_path / "run", recipe)
    own = keys_of(corpus.splits["train"], corpus.unlabelled)
    assert kept(run) == own | keys_of(redrawn.splits["train"])
    (warning,) = run.config.data["warnings"]
    assert warning.startswith("the teacher")
    plain = keras_sentiment.save_run(build(recipe.model), corpus, tmp_path / "plain", SHORT.replace(ngrams=0))
    assert kept(plain) == keys_of(corpus.splits["train"])
    further = plain.save(plain.load_model(), redrawn)
    assert kept(further) == keys_of(corpus.splits["train"], redrawn.splits["train"])
    assert open_run(further.path).config == further.config


def test_an_untrained_run_has_learned_from_nothing(corpus, tmp_path):
    assert kept(save_run(tmp_path / "run", corpus, build())) == set()
