"""The public Python functions: prepare, train, evaluate, export, load."""

import json
import os
import re
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pyarrow
import pytest
from sklearn.base import clone, is_classifier
from sklearn.model_selection import cross_val_score

import keras_sentiment
from helpers.served import make_classifier, write_artifact
from helpers.tiny import RECIPE, TOKENIZER, reviews
from keras_sentiment.errors import InputError

TEXTS = ["good fine film", "bad dull plot", "the very long film " * 30]
PAIRS = [(review.text, review.label) for review in reviews(60)]


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """The folder of a small vocabulary."""
    TOKENIZER.save(folder := tmp_path_factory.mktemp("words"))
    return str(folder)


def in_new_process(program, cwd=None, **environment):
    settings = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**settings, **environment},
        cwd=cwd,
    )
    assert result.returncode == 0, result.stderr
    return result


@pytest.mark.once
def test_every_public_name_exists_and_has_a_docstring():
    assert sorted(keras_sentiment.__all__) == dir(keras_sentiment)
    for name in keras_sentiment.__all__:
        value = getattr(keras_sentiment, name)
        assert isinstance(value, dict) or value.__doc__.strip(), name
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = keras_sentiment.trian


@pytest.mark.once
def test_objects_are_prepared_like_files(words, tmp_path):
    frame = pd.DataFrame(PAIRS, columns=["text", "label"])
    frame.to_csv(tmp_path / "films.csv", index=False)
    sources = {
        "file": str(tmp_path / "films.csv"),
        "path": tmp_path / "films.csv",
        "pairs": PAIRS,
        "frame": frame,
    }
    sources["generator"] = (pair for pair in PAIRS)
    sources["numbers"] = frame.assign(label=(frame["label"] == "pos").astype("int64"))
    found = {
        name: keras_sentiment.prepare(source, tmp_path / name, tokenizer=words, quiet=True).info[
            "fingerprint"
        ]
        for name, source in sources.items()
    }
    assert len(set(found.values())) == 1, found


@pytest.mark.once
@pytest.mark.parametrize(
    ("source", "message"),
    [
        (pd.DataFrame({"review": ["good"], "stars": ["5"]}), "no column 'text', only 'review', 'stars'"),
        (pd.DataFrame({"text": ["good", None], "label": ["a", "b"]}), "row 2: column 'text' is empty"),
        (pd.DataFrame({"text": ["good"], "label": [1.5]}), "row 1: column 'label' is of type float"),
        ([("good", "a"), "bad"], r"pair 2 must be \(text, label\)"),
        ([("good", "a", "b")], r"pair 1 must be \(text, label\)"),
        ([("good", None)], "pair 1: column 'label' is empty"),
        ([], "the pairs: it has no reviews"),
        (7, "source must be a path, a data frame, a table of pyarrow"),
        (
            pyarrow.table({"text": ["a"], "stars": ["b"]}),
            "the table: there is no column 'label', only 'text'",
        ),
        (
            {"text": ["a"], "label": ["b"]},
            "has the splits text, label, and only train, validation and test",
        ),
        (pd.DataFrame({"path": ["a"], "text": ["b"]}), "no column 'label', only 'path', 'text'"),
    ],
)
def test_a_wrong_source_is_named(source, message, words, tmp_path):
    with pytest.raises(InputError, match=message):
        keras_sentiment.prepare(source, tmp_path / "data", tokenizer=words, quiet=True)
    assert list(tmp_path.iterdir()) == []


class Seen(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.epochs = []

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append((epoch, sorted(logs)))


def test_training_takes_callbacks(corpus, tmp_path):
    seen, board = Seen(), keras.callbacks.TensorBoard(tmp_path / "logs")
    run = keras_sentiment.train(corpus, tmp_path / "run", RECIPE, callbacks=[seen, board], quiet=True)
    assert [epoch for epoch, _ in seen.epochs] == [0, 1]
    assert {"loss", "val_loss", "accuracy"} <= set(seen.epochs[0][1])
    assert [path.name for path in (tmp_path / "logs").iterdir()] != []
    evaluation = keras_sentiment.evaluate(run, corpus.path)
    assert f"accuracy {evaluation.metrics['accuracy']:.4f}" in repr(evaluation)
    assert json.loads((evaluation.save().parent / "metrics.json").read_text())["test"]
    # With `resume`, a complete run is returned unchanged.
    again = keras_sentiment.train(corpus, str(tmp_path / "run"), RECIPE, resume=True, quiet=True)
    assert (again.path, again.config) == (run.path, run.config)


class Interrupted(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 3:
            raise KeyboardInterrupt


@pytest.mark.once
def test_training_can_be_resumed_after_ctrl_c(corpus, tmp_path):
    """Until then, another process can lock the run."""
    with pytest.raises(KeyboardInterrupt):
        keras_sentiment.train(corpus, tmp_path / "run", RECIPE, callbacks=[Interrupted()], quiet=True)
    program = (
        "import sys, pathlib, keras_sentiment.storage.locks as locks; locks.lock(pathlib.Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "run")], check=True)
    assert keras_sentiment.train(corpus, tmp_path / "run", RECIPE, resume=True, quiet=True).complete


def test_probabilities_equal_those_of_predict(trained_run):
    classifier = keras_sentiment.load(trained_run.path)
    found = classifier.probabilities(TEXTS)
    assert (found.shape, found.dtype) == ((3, 2), np.float64)
    expected = [list(result["probabilities"].values()) for result in classifier.predict(TEXTS)]
    np.testing.assert_array_equal(found, expected)
    assert classifier.probabilities([]).shape == (0, 2)


@pytest.mark.parametrize("kind", ["transformer", "bert"])
def test_logits_are_computed_from_the_vector_of_embed(kind, request):
    model, run = request.getfixturevalue(kind)
    classifier = keras_sentiment.load(run.path)
    found = classifier.embed(TEXTS[:2])
    assert found.dtype == np.float32
    last = model.get_layer("upper").get_layer("logits") if kind == "bert" else model.get_layer("logits")
    assert found.shape == (2, last.kernel.shape[0])
    logits = found @ keras.ops.convert_to_numpy(last.kernel) + keras.ops.convert_to_numpy(last.bias)
    # The n-grams of an untrained model are zeros and have half of the weight.
    np.testing.assert_allclose(logits / 2, classifier.logits(classifier.encode(TEXTS[:2])), atol=1e-5)


@pytest.mark.once
def test_embed_refuses_an_artifact(engine):
    with pytest.raises(InputError, match="load the run that it was exported from"):
        make_classifier(engine).embed(TEXTS)


@pytest.mark.once
@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("good", r"give \[text\]"),
        ({"a": "good"}, r"give list\(texts.values\(\)\)"),
        ({"good", "bad"}, "must have an order"),
        (
            pd.DataFrame({"text": ["good"], "label": ["a"]}),
            r"one column, as in texts\['text'\].* of text, label",
        ),
        (["good", 7], "Received: 7 in it"),
    ],
)
def test_objects_that_are_no_list_of_texts_are_refused(trained_run, texts, message):
    with pytest.raises(TypeError, match=message):
        keras_sentiment.load(trained_run.path).predict(texts)


@pytest.mark.once
def test_series_arrays_and_generators_are_accepted(trained_run):
    classifier = keras_sentiment.load(trained_run.path)
    expected = classifier.predict(TEXTS)
    for texts in (pd.Series(TEXTS), np.array(TEXTS), tuple(TEXTS), (text for text in TEXTS)):
        assert classifier.predict(texts) == expected


@pytest.mark.once
def test_results_have_a_repr_and_a_table(corpus, trained_run, tmp_path):
    """The table for notebooks escapes names and texts."""
    classifier = keras_sentiment.load(trained_run)
    evaluation = keras_sentiment.evaluate(trained_run, corpus)
    for result in (corpus, trained_run, classifier, evaluation):
        assert len(repr(result)) < 400
        assert "negative" in repr(result) or "accuracy" in repr(result)
    named = [(text, f"<b>{label}</b>") for text, label in PAIRS]
    TOKENIZER.save(tmp_path / "words")
    hostile = keras_sentiment.prepare(named, tmp_path / "<i>", tokenizer=str(tmp_path / "words"), quiet=True)
    run = keras_sentiment.train(hostile, tmp_path / "<u>", RECIPE.replace(epochs=1), quiet=True)
    evaluation = keras_sentiment.evaluate(run, hostile, against=run)
    explained = keras_sentiment.load(run).explain("<script>alert(1)</script> good & bad")
    for result in (hostile, run, evaluation, explained):
        page = result._repr_html_()
        assert not re.search("<b>(neg|pos)|<i>|<u>|<script", page)
        assert page.count("<table>") == page.count("</table>")
    figures = evaluation._repr_html_()
    low, high = evaluation.metrics["intervals"]["f1"]
    assert f"{evaluation.metrics['f1']:.4f}" in figures
    assert f"{low:.4f} to {high:.4f}" in figures
    assert "+0.0000" in figures
    assert json.loads(json.dumps(explained)) == explained
    assert "good" in explained._repr_html_()


@pytest.mark.once
def test_every_kind_of_data_is_evaluated(corpus, trained_run):
    pairs = [(record.text, record.label) for record in corpus.splits["test"].records()]
    frame = pd.DataFrame(pairs, columns=["text", "label"])
    found = [
        keras_sentiment.evaluate(trained_run, data).metrics["accuracy"]
        for data in (corpus, corpus.path, str(corpus.path), frame, pairs, iter(pairs))
    ]
    assert len(set(found)) == 1
    assert keras_sentiment.evaluate(trained_run, frame).data == "the data frame"
    with pytest.raises(InputError, match="split must be one of train, validation, test"):
        keras_sentiment.evaluate(trained_run, corpus, "valid")
    with pytest.raises(InputError, match="the pairs: it has no test split"):
        keras_sentiment.evaluate(trained_run, pairs, "test")


@pytest.mark.once
def test_the_estimator_works_with_scikit_learn(trained_run, corpus):
    estimator = keras_sentiment.load(trained_run).as_estimator()
    texts = list(corpus.splits["test"].texts())
    labels = [record.label for record in corpus.splits["test"].records()]
    assert list(estimator.classes_) == ["negative", "positive"]
    found = estimator.predict(texts)
    assert estimator.predict_proba(texts).shape == (len(texts), 2)
    scores = cross_val_score(estimator, texts, labels, cv=2)
    assert scores.mean() == pytest.approx((found == labels).mean())
    assert is_classifier(estimator)
    assert is_classifier(clone(estimator))
    assert estimator.fit(texts, labels[::-1]).predict(texts).tolist() == found.tolist()


def test_keras_loads_a_saved_model_after_register_layers(trained_run):
    program = (
        "import sys, keras_sentiment\n"
        "keras_sentiment.register_layers()\n"
        "import keras\n"
        "print(keras.saving.load_model(sys.argv[1]).name)"
    )
    command = [sys.executable, "-c", program, str(trained_run.path / "model.keras")]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.stdout == "transformer\n", result.stderr


@pytest.mark.once
@pytest.mark.parametrize(
    ("before", "environment", "expected"),
    [
        ("", {}, "torch"),
        ("", {"KERAS_BACKEND": "jax"}, "jax"),
        ("import keras", {}, "tensorflow"),
    ],
    ids=["by default", "that is named", "that Keras has taken already"],
)
def test_the_first_use_chooses_the_backend(before, environment, expected, tmp_path):
    """keras.json does not count, because Keras writes tensorflow into it by itself."""
    (tmp_path / "keras.json").write_text('{"backend": "tensorflow"}')
    program = (
        f"{before}\nimport logging, os, keras_sentiment\n"
        f"assert os.environ.get('KERAS_BACKEND') == {environment.get('KERAS_BACKEND')!r}\n"
        "logging.basicConfig(level='INFO')\n"
        "keras_sentiment.build_transformer\nimport keras\nprint(keras.backend.backend())"
    )
    result = in_new_process(program, KERAS_HOME=str(tmp_path), **environment)
    assert result.stdout == f"{expected}\n"
    assert result.stderr.count("Keras uses the backend") == (0 if before else 1)
    assert result.stderr.count("Keras was imported earlier and uses the backend tensorflow") == bool(before)


@pytest.mark.once
def test_keras_uses_torch_if_it_is_imported_after_prepare(words, tmp_path):
    (tmp_path / "keras.json").write_text('{"backend": "tensorflow"}')
    program = (
        "import sys, keras_sentiment\n"
        "pairs = [(f'{word} film {n}', word) for n in range(20) for word in ('good', 'bad')]\n"
        f"keras_sentiment.prepare(pairs, 'data', tokenizer={words!r}, quiet=True)\n"
        "assert 'keras' not in sys.modules\n"
        "import keras\nprint(keras.backend.backend())"
    )
    assert in_new_process(program, KERAS_HOME=str(tmp_path), cwd=tmp_path).stdout == "torch\n"


def mistakes(run, corpus):
    """Yields calls with a wrong argument, and the message of the error."""
    classifier = keras_sentiment.load(run)
    yield (
        lambda: keras_sentiment.train(pd.DataFrame({"text": ["a"]}), "run"),
        "must be a folder that `prepare` made",
    )
    yield lambda: keras_sentiment.train(corpus, "run", RECIPE.model), "recipe must be a Recipe"
    yield lambda: keras_sentiment.evaluate(run.load_model(), corpus), "a run is what `train` returns"
    yield lambda: keras_sentiment.ReviewBatches(corpus, TOKENIZER, RECIPE.inputs), "one of corpus.splits"
    yield lambda: classifier.logits("123"), r"give classifier.encode\(texts\)"
    yield lambda: classifier.logits(["12", "3"]), r"give classifier.encode\(texts\)"
    yield lambda: classifier.encode("12"), r"give \[text\]"
    yield lambda: classifier.explain(["x"]), "explain takes one text"


@pytest.mark.once
def test_wrong_arguments_are_named(trained_run, corpus, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for call, message in mistakes(trained_run, corpus):
        with pytest.raises(TypeError, match=message):
            call()
    with pytest.raises(InputError, match="exclude each other"):
        keras_sentiment.train(corpus, "run", RECIPE, overwrite=True, resume=True)
    write_artifact(tmp_path / "models" / "onnx")
    with pytest.raises(InputError, match="it holds onnx; load models/onnx"):
        keras_sentiment.load("models")
