"""A saved model is the trained model, wherever it is opened and on whatever backend."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from helpers.saved_runs import BACKEND
from helpers.tiny import TOKENIZER, TRAINING, build, save_run
from keras_sentiment.data.encoded_split import Split
from keras_sentiment.inference.load import load_model, run_classifier
from keras_sentiment.models.precision import with_precision
from keras_sentiment.runs.run import open_run
from keras_sentiment.training.optimization import compile_model

# Torch is the hub: what two others agree on with it, they agree on with one another.
OTHER_BACKENDS = {"torch": ("jax", "tensorflow"), "jax": ("torch",), "tensorflow": ("torch",)}[BACKEND]
TEXTS = ("a good film", "the plot is very dull", "not bad , not fine : " + "good film " * 30, "")
ROWS = {
    "token_ids": np.random.default_rng(0).integers(5, TOKENIZER.vocabulary_size, (4, 12)).astype("int32"),
    "padding_mask": np.ones((4, 12), "int32"),
}


@pytest.mark.parametrize("kind", ["transformer", "bert"])
def test_saved_and_loaded_is_the_same(request, kind):
    model, run = request.getfixturevalue(kind)
    opened = open_run(run.path)
    assert opened.config == run.config
    assert opened.tokenizer().sha256 == TOKENIZER.sha256
    again = opened.load_model()
    np.testing.assert_allclose(again.predict_on_batch(ROWS), model.predict_on_batch(ROWS), atol=1e-6)


@pytest.mark.filterwarnings("ignore:.*was not adapted")
def test_trained_in_bfloat16_is_saved_in_float32(corpus, tmp_path):
    model = with_precision(build(), "mixed_bfloat16")
    compile_model(model, dataclasses.replace(TRAINING, decay="constant"), 1, "mixed_bfloat16")
    model.train_on_batch(ROWS, np.array([0, 1, 1, 0], "int32"))
    save_run(tmp_path / "run", corpus, model, precision="mixed_bfloat16")
    opened = open_run(tmp_path / "run")
    again = opened.load_model()
    assert {layer.dtype_policy.name for layer in again.layers} == {"float32"}
    for ours, theirs in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert np.abs(again.predict_on_batch(ROWS) - model.predict_on_batch(ROWS)).max() < 0.1
    mixed = load_model(opened, "mixed_bfloat16")
    assert mixed.get_layer("block_0").dtype_policy.name == "mixed_bfloat16"
    np.testing.assert_array_equal(mixed.predict_on_batch(ROWS), model.predict_on_batch(ROWS))


def test_run_opens_wherever_it_is_moved(copy, tmp_path, monkeypatch, transformer):
    (tmp_path / "other place").mkdir()
    moved = shutil.move(copy, tmp_path / "other place" / "mein Modell ü")
    monkeypatch.chdir(tmp_path / "other place")
    logits = open_run("mein Modell ü").load_model().predict_on_batch(ROWS)
    np.testing.assert_allclose(logits, transformer[0].predict_on_batch(ROWS), atol=1e-6)
    assert str(transformer[1].path) not in (moved / "config.json").read_text()


@pytest.mark.once
def test_a_small_transformer_labels_texts_without_tensorflow_and_keras_hub(transformer):
    script = (
        "import sys, keras_sentiment;"
        f"found = keras_sentiment.load({str(transformer[1].path)!r}).predict(['a good film']);"
        "assert len(found) == 1;"
        "print(sorted({'keras_hub', 'tensorflow'} & sys.modules.keys()))"
    )
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    child = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert child.stdout.strip() == "[]", child.stderr


PROGRAM = """
import json, sys
from keras_sentiment import load
from keras_sentiment.data.evaluation_split import open_evaluation_split
from keras_sentiment.data.corpus import Split
found = []
for path in sys.argv[2:]:
    model = load(path)
    found.append(model.logits(Split.from_texts(json.loads(sys.argv[1]), model.tokenizer)).tolist())
print(json.dumps(found))
"""


def test_other_backends_give_the_same_logits(transformer, bert):
    paths = [str(run.path) for _, run in (transformer, bert)]
    started = {
        backend: subprocess.Popen(
            [sys.executable, "-c", PROGRAM, json.dumps(TEXTS), *paths],
            env={**os.environ, "KERAS_BACKEND": backend},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for backend in OTHER_BACKENDS
    }
    expected = []
    for path in paths:
        model = run_classifier(open_run(path), open_run(path).load_model())
        expected.append(model.logits(Split.from_texts(TEXTS, TOKENIZER)))
    assert np.abs(expected[0] - expected[0][0]).max() > 1e-2
    for backend, process in started.items():
        out, error = process.communicate(timeout=300)
        assert process.returncode == 0, error
        for ours, theirs in zip(expected, json.loads(out), strict=True):
            np.testing.assert_allclose(np.array(theirs), ours, atol=1e-4, err_msg=backend)
