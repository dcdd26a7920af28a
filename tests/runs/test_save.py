"""A model that a program trained by hand goes back into its run, or into a new one."""

import json
import os
import shutil
import warnings

import keras
import numpy as np
import pytest

import keras_sentiment
from helpers.saved_runs import sign
from helpers.tiny import RECIPE, TOKENIZER, make_corpus, reviews
from keras_sentiment.errors import InputError
from keras_sentiment.metrics.calibration import fit_temperature
from keras_sentiment.models.ngrams import adapted_layers
from keras_sentiment.models.precision import with_precision
from keras_sentiment.recipes import PRETRAINING_RECIPE
from keras_sentiment.runs.run import open_run

SIZES = {"hidden_dim": 8, "num_heads": 2, "intermediate_dim": 16, "ngram_buckets": 64}


def tree(folder):
    return {item.relative_to(folder): item.read_bytes() for item in folder.rglob("*") if item.is_file()}


class OwnLoss(keras.losses.Loss):
    """A loss that no other program can load."""

    def call(self, y_true, y_pred):
        return keras.losses.sparse_categorical_crossentropy(y_true, 0.5 * y_pred, from_logits=True)


def trained_further(run, corpus, rate=0.01):
    model = run.load_model()
    inputs = run.config.recipe.inputs
    train = keras_sentiment.ReviewBatches(corpus.splits["train"], run.tokenizer(), inputs, 16, seed=1)
    model.compile(keras.optimizers.Adam(rate), OwnLoss())
    model.fit(train, epochs=1, verbose=0)
    return model


@pytest.fixture
def run(trained_run, tmp_path):
    return open_run(shutil.copytree(trained_run.path, tmp_path / "copy"))


def test_a_model_trained_further_takes_the_place_of_the_first(run, corpus):
    keras_sentiment.evaluate(run, corpus).save()
    assert (run.path / "report.html").is_file()
    model = trained_further(run, corpus)
    before = run.load_model().get_weights()
    saved = run.save(model)
    names = {"config.json", "history.csv", "trained_on.npy", "baseline.npz", "tokenizer", "checksums.json"}
    names |= {"model.keras"}
    assert {item.name for item in run.path.iterdir()} == names

    again = open_run(run.path)
    assert again.config == saved.config
    weights = again.load_model().get_weights()
    assert all(np.array_equal(one, other) for one, other in zip(weights, model.get_weights(), strict=True))
    assert not all(np.array_equal(one, other) for one, other in zip(weights, before, strict=True))

    split = corpus.splits["validation"]
    classifier = keras_sentiment.load(run)
    logits = classifier.logits(split)
    assert again.config.temperature == pytest.approx(fit_temperature(logits, split.labels).value, rel=1e-4)
    evaluation = keras_sentiment.evaluate(run, corpus)
    right = classifier.logits(corpus.splits["test"]).argmax(axis=1) == corpus.splits["test"].labels
    assert evaluation.metrics["accuracy"] == pytest.approx(right.mean())
    evaluation.save()
    for page in ("report.html", "README.md"):
        assert "further" in (run.path / page).read_text("utf-8")


@pytest.mark.once
def test_a_stale_run_is_read_anew(run, corpus):
    """What a program holds of a run is from before it was saved."""
    model = trained_further(run, corpus, rate=0.1)
    saved = run.save(model, corpus)
    assert run.config != saved.config
    found = keras_sentiment.evaluate(run, corpus).metrics
    assert found["temperature"] == saved.config.temperature


def test_a_bert_goes_back_in_any_precision(bert, corpus, tmp_path):
    run = open_run(shutil.copytree(bert[1].path, tmp_path / "copy"))
    model = with_precision(run.load_model(), "mixed_bfloat16")
    model.get_layer("lower").trainable = True
    kernel = model.get_layer("upper").get_layer("logits").kernel
    kernel.assign(keras.ops.multiply(kernel, 2.0))
    run.save(model, corpus)
    found = open_run(run.path).load_model()
    assert {variable.dtype for variable in found.weights} == {"float32", "int32"}
    for one, other in zip(found.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def other_models():
    inputs, size = 40, TOKENIZER.vocabulary_size

    def built(**changes):
        config = RECIPE.replace(**changes).model
        return keras_sentiment.build_transformer(config, size, inputs, num_classes=2)

    yield "a wider one", lambda run: built(hidden_dim=16)
    yield "another activation, with as many weights", lambda run: built(activation="relu")
    yield "normalized elsewhere", lambda run: built(conv_kernel_size=3)
    yield (
        "three labels",
        lambda run: keras_sentiment.build_transformer(RECIPE.model, size, inputs, num_classes=3),
    )

    def scaled(run):
        model = run.load_model()
        return keras.Model(model.input, keras.layers.Rescaling(3.0)(model.output))

    yield "one with a layer more", scaled
    yield "no functional model", lambda run: keras.Sequential([keras.layers.Dense(2)])
    yield "no model", lambda run: "model.keras"


@pytest.mark.once
@pytest.mark.parametrize(("name", "make"), list(other_models()), ids=[name for name, _ in other_models()])
def test_another_architecture_is_refused(name, make, run, corpus):
    before = tree(run.path)
    with pytest.raises(InputError, match="does not have the run's architecture"):
        run.save(make(run), corpus)
    assert tree(run.path) == before


@pytest.mark.once
def test_what_cant_calibrate_is_refused(run, corpus, tmp_path):
    model, before = run.load_model(), tree(run.path)
    broken = run.load_model()
    broken.get_layer("logits").bias.assign([np.nan, np.nan])
    with pytest.raises(InputError, match="not numbers"):
        run.save(broken, corpus)
    three = [(review.text, label) for review, label in zip(reviews(90), "abc" * 30, strict=True)]
    TOKENIZER.save(tmp_path / "words")
    options = {"tokenizer": str(tmp_path / "words"), "quiet": True}
    with pytest.raises(InputError, match="its labels are a, b, c"):
        run.save(model, keras_sentiment.prepare(three, tmp_path / "three", **options))
    learned = keras_sentiment.prepare(
        [(review.text, review.label) for review in reviews(60)],
        tmp_path / "learned",
        tokenizer="learn",
        vocabulary_size=60,
        quiet=True,
    )
    with pytest.raises(InputError, match="another vocabulary"):
        run.save(model, learned)
    config = json.loads((run.path / "config.json").read_text())
    for folder, message in ((tmp_path / "gone", "give the corpus"), (tmp_path / "three", "give the corpus")):
        config["data"]["data_dir"] = str(folder)
        (run.path / "config.json").write_text(json.dumps(config))
        sign(run.path)
        with pytest.raises(InputError, match=message):
            run.save(model)
    config["data"]["data_dir"] = str(corpus.path)
    for name in ("config.json", "checksums.json"):
        (run.path / name).write_bytes(before[next(p for p in before if p.name == name)])
    assert tree(run.path) == before


@pytest.mark.once
def test_another_corpus_with_the_same_labels_is_recorded(run, tmp_path):
    other = make_corpus(tmp_path / "other", 120)
    data = run.save(run.load_model(), other).config.data
    assert data["calibrated_on"]["fingerprint"] == other.info["fingerprint"]
    assert data["fingerprint"] == run.config.data["fingerprint"]


@pytest.mark.once
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_run_as_it_was(run, corpus, monkeypatch, error):
    keras_sentiment.evaluate(run, corpus).save()
    before = tree(run.path)

    def broken(*_):
        raise error

    for place in (
        "runs.run_files.write_text",
        "runs.run_files.write_config",
        "text.tokenizer.Tokenizer.save",
    ):
        with monkeypatch.context() as patch:
            patch.setattr(f"keras_sentiment.{place}", broken)
            with pytest.raises(type(error)):
                run.save(run.load_model(), corpus)
        assert tree(run.path) == before
    assert run.save(run.load_model(), corpus).complete


@pytest.mark.once
@pytest.mark.parametrize("moves", [1, 3])
def test_a_move_that_is_broken_off_is_undone(run, corpus, monkeypatch, moves):
    """And what a killed process left of an older run does not come back."""
    keras_sentiment.evaluate(run, corpus).save()
    before = tree(run.path)
    shutil.copytree(run.path, run.path / "previous")
    (run.path / "previous" / "config.json").write_text("{}")
    done, move = [], os.replace

    def broken(source, target):
        if "previous" in str(target) and len(done) >= moves:
            raise KeyboardInterrupt
        done.append(target)
        move(source, target)

    for place in ("os.replace", "keras_sentiment.models.precision.with_precision"):
        with monkeypatch.context() as patch:
            patch.setattr(place, broken if place == "os.replace" else lambda *_: 1 / 0)
            with pytest.raises((KeyboardInterrupt, InputError, ZeroDivisionError)):
                run.save(run.load_model(), corpus)
        done.clear()
        files = {name: data for name, data in tree(run.path).items() if name.parts[0] != "previous"}
        assert files == before
        assert open_run(run.path).config == run.config


@pytest.mark.once
def test_a_kill_between_two_models_is_told(run, corpus, monkeypatch):
    """What is left then is the model before it, in `previous`; it is no training to go on with."""
    before = tree(run.path)
    monkeypatch.setattr("keras_sentiment.runs.run_files.put_back", lambda path: None)
    monkeypatch.setattr("keras_sentiment.text.tokenizer.Tokenizer.save", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run.save(run.load_model(), corpus)
    assert tree(run.path / "previous") == before
    with pytest.raises(InputError, match="broke off; move what is in"):
        open_run(run.path)
    with pytest.raises(InputError, match="broke off; move what is in"):
        keras_sentiment.train(corpus, run.path, run.config.recipe, resume=True, quiet=True)


@pytest.mark.once
def test_files_of_the_users_stay(run, corpus):
    (run.path / "notes.txt").write_text("mine")
    (run.path / "logs").mkdir()
    run.save(run.load_model(), corpus)
    assert (run.path / "notes.txt").read_text() == "mine"
    assert (run.path / "logs").is_dir()


@pytest.mark.once
def test_an_older_evaluation_is_not_saved_beside_a_new_model(run, corpus):
    evaluation = keras_sentiment.evaluate(run, corpus)
    run.save(trained_further(run, corpus), corpus)
    with pytest.raises(InputError, match="evaluate it again"):
        evaluation.save()
    assert not (run.path / "metrics.json").exists()


@pytest.mark.once
def test_numbers_are_wanted_of_every_review(run, corpus):
    """The first batch may be right."""
    model = run.load_model()
    kernel = model.get_layer("token_embedding").embeddings
    rare = TOKENIZER.encode(["plot"])[0][0]
    values = keras.ops.convert_to_numpy(kernel).copy()
    values[rare] = np.nan
    kernel.assign(values)
    with pytest.raises(InputError, match="not numbers"):
        run.save(model, corpus)


def test_a_model_from_nothing_becomes_a_run(corpus, tmp_path):
    recipe = RECIPE.replace(**SIZES)
    tokenizer = corpus.tokenizer()
    model = keras_sentiment.build_transformer(recipe.model, tokenizer.vocabulary_size, 40, num_classes=2)
    train = keras_sentiment.ReviewBatches(corpus.splits["train"], tokenizer, recipe.inputs, 16, seed=1)
    keras_sentiment.adapt_model(model, train)
    model.compile(keras.optimizers.Adam(0.01), OwnLoss())
    model.fit(train, epochs=1, verbose=0)
    run = keras_sentiment.save_run(model, corpus, tmp_path / "run", recipe)
    assert all(layer.adapted for layer in adapted_layers(run.load_model()))
    found = keras_sentiment.load(run).logits(corpus.splits["test"])
    batches = keras_sentiment.ReviewBatches(corpus.splits["test"], tokenizer, recipe.inputs)
    for rows, inputs in batches.for_scoring():
        np.testing.assert_allclose(found[rows], np.asarray(model.predict_on_batch(inputs)), atol=1e-5)
    keras_sentiment.evaluate(run, corpus).save()
    with pytest.raises(InputError, match="holds something already"):
        keras_sentiment.save_run(model, corpus, tmp_path / "run", recipe)
    with pytest.raises(InputError, match="does not have the run's architecture"):
        keras_sentiment.save_run(model, corpus, tmp_path / "new", recipe.replace(hidden_dim=16))
    assert not (tmp_path / "new").exists()


@pytest.mark.once
def test_a_run_of_a_model_that_was_not_adapted_is_told(corpus, tmp_path):
    model = keras_sentiment.build_transformer(RECIPE.model, TOKENIZER.vocabulary_size, 40, num_classes=2)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        run = keras_sentiment.save_run(model, corpus, tmp_path / "run", RECIPE)
    assert any("was not adapted" in str(warning.message) for warning in told)
    keras_sentiment.evaluate(run, corpus).save()
    card = (run.path / "README.md").read_text("utf-8")
    assert "Validation chose the epoch" not in card
    assert "in the average of logits, as it was given." in card


@pytest.mark.once
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "float32"])
def test_the_programs_own_precision_is_recorded(corpus, tmp_path, policy):
    """Keras has one policy for all that a program builds."""
    recipe = RECIPE.replace(ngrams=0, cooccurrence=False)
    keras.config.set_dtype_policy(policy)
    try:
        model = keras_sentiment.build_transformer(recipe.model, TOKENIZER.vocabulary_size, 40, num_classes=2)
        saved = keras_sentiment.save_run(model, corpus, tmp_path / "run", recipe)
        run = keras_sentiment.train(corpus, tmp_path / "trained", recipe, quiet=True)
    finally:
        keras.config.set_dtype_policy("float32")
    assert saved.config.precision == policy
    assert run.config.precision == "float32"
    for one, other in zip(saved.load_model().get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.once
def test_what_gives_no_labels_is_no_run(corpus, tmp_path):
    with pytest.raises(InputError, match="gives no labels"):
        keras_sentiment.train(corpus, tmp_path / "run", PRETRAINING_RECIPE)
    with pytest.raises(InputError, match="cache_dir is for"):
        keras_sentiment.train(corpus, tmp_path / "run", RECIPE, cache_dir="cache")
    assert not (tmp_path / "run").exists()
