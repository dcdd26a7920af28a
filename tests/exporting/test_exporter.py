"""Export: every format does what the model does, and the gate sees one that does not."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_sentiment
from helpers.exported import save_scattered
from helpers.tiny import INPUTS, MODEL, TRAINING, build, hostile_to_cleaning, reviews
from keras_sentiment.config import BertConfig
from keras_sentiment.data.text_keys import TextKeys
from keras_sentiment.errors import InputError
from keras_sentiment.exporting import exporter, onnx_graph
from keras_sentiment.exporting.exporter import export
from keras_sentiment.exporting.parity import TEXTS, ParityError, check
from keras_sentiment.inference.artifact import open_artifact
from keras_sentiment.models.bert import build_bert
from keras_sentiment.recipes import Recipe
from keras_sentiment.text.cleaning import clean

BACKEND = keras.backend.backend()
# Their probabilities of the positive label lie on both sides of the threshold, and between it and 1/2.
GATE = ["the fílm is gööd", *(review.text for review in reviews(60))]
SERVED = ("onnx", "onnx_int8", "openvino")


def differences(results, expected):
    return [
        abs(ours["probabilities"][name] - p)
        for ours, theirs in zip(results, expected, strict=True)
        for name, p in theirs["probabilities"].items()
    ]


@pytest.mark.once
def test_every_format_passes_and_says_how_equal_it_is(artifacts, exported_run):
    for name, artifact in artifacts.items():
        found = open_artifact(artifact.path)
        assert found == artifact
        assert found.format == name
        assert (found.labels, found.temperature, found.threshold) == (("negative", "positive"), 2.0, 0.25)
        assert found.parity["texts"] > len(TEXTS)
        assert 0 < found.parity["largest_difference"] < (0.2 if name == "onnx_int8" else 1e-4)
        card = (found.path / "README.md").read_text()
        assert f"{found.parity['largest_difference']:.1e}" in card
        assert name in card
    assert (
        artifacts["onnx_int8"].parity["accuracy_reviews"]
        == exported_run.config.data["splits"]["validation"]["reviews"]
    )


@pytest.mark.once
def test_an_artifact_tells_what_its_run_learned_from(artifacts, exported_run, corpus):
    """A student that it teaches must know."""
    known = exported_run.trained_on().keys.tolist()
    assert len(known) == len(corpus.splits["train"])
    for artifact in artifacts.values():
        assert TextKeys.read(artifact.path / "trained_on.npy", "").keys.tolist() == known
        assert "trained_on.npy" in artifact.files


@pytest.mark.once
@pytest.mark.parametrize("name", SERVED)
def test_an_artifact_answers_as_its_run_does(artifacts, exported_run, name):
    expected = keras_sentiment.load(exported_run.path).predict(TEXTS)
    found = keras_sentiment.load(artifacts[name].path).predict(TEXTS)
    assert np.ptp([result["probabilities"]["positive"] for result in expected]) > 0.1
    assert max(differences(found, expected)) < (0.2 if name == "onnx_int8" else 1e-4)
    assert [result["truncated"] for result in found] == [result["truncated"] for result in expected]
    assert any(result["truncated"] for result in found)


@pytest.fixture(scope="module")
def scattered_bert(corpus, bert_preset, tmp_path_factory):
    config = BertConfig(bert_preset, trainable_blocks=1, ngram_buckets=64)
    model = build_bert(config, INPUTS.sequence_length, 2)
    path = tmp_path_factory.mktemp("bert") / "run"
    return save_scattered(path, corpus, model, Recipe(config, INPUTS, TRAINING))


@pytest.mark.once
@pytest.mark.parametrize(
    "formats",
    [["onnx", "tf_saved_model"], pytest.param(["openvino", "torch"], marks=pytest.mark.slow)],
    ids="-".join,
)
def test_a_bert_is_exported(scattered_bert, tmp_path, formats):
    """In the fast tests as the two graphs that are made in different ways."""
    assert len(export(scattered_bert, tmp_path / "out", formats)) == 2


@pytest.mark.once
def test_rows_of_one_length_are_exported(corpus, tmp_path):
    """Padding to a number, which this model sees, and which this graph does by itself."""
    config = dataclasses.replace(MODEL, pooling="mean_padded", position_embedding=False)
    recipe = Recipe(config, dataclasses.replace(INPUTS, pad_to=48, truncation="head"), TRAINING)
    padded = save_scattered(tmp_path / "padded", corpus, build(config), recipe)
    assert len(export(padded, tmp_path / "out", ["tf_saved_model"])) == 1


@pytest.mark.once
def test_the_command_exports_on_torch_whatever_the_backend(exported_run, tmp_path):
    program = "from keras_sentiment.scripts.command_line import main; main()"
    process = subprocess.run(
        [sys.executable, "-c", program, "export", str(exported_run.path), str(tmp_path / "out")],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": "jax"},
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout == f"{tmp_path / 'out' / 'onnx'}\n"
    found = keras_sentiment.load(tmp_path / "out" / "onnx").predict(TEXTS)
    assert max(differences(found, keras_sentiment.load(exported_run.path).predict(TEXTS))) < 1e-4


@pytest.mark.once
def test_artifacts_are_compared_on_texts_that_were_cleaned_once(exported_run, tmp_path, monkeypatch):
    seen = []

    def stop(artifact, expected, texts):
        seen.extend(texts[len(TEXTS) :])
        raise ParityError("stop")

    monkeypatch.setattr(exporter, "check", stop)
    monkeypatch.setattr(exporter.Exporter, "write", lambda *arguments: None)
    pairs = hostile_to_cleaning(40)
    with pytest.raises(ParityError, match="stop"):
        export(exported_run, tmp_path / "out", ["onnx"], data=pairs)
    assert [clean(text) for text in seen] == [clean(text) for text, _ in pairs]


def ignore_the_mask(self, token_ids, padding_mask):
    return self.model({"token_ids": token_ids, "padding_mask": padding_mask * 0 + 1}, training=False)


@pytest.mark.once
def test_graph_that_ignores_the_mask_is_not_kept(exported_run, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_graph.Graph, "forward", ignore_the_mask)
    with pytest.raises(ParityError, match="onnx: the graph is not the model"):
        export(exported_run, tmp_path / "out", ["onnx"])
    assert not (tmp_path / "out").exists()


def keep_accents(artifact):
    file = artifact.path / "tokenizer" / "tokenizer.json"
    settings = json.loads(file.read_text())
    settings["normalizer"]["strip_accents"] = False
    file.write_text(json.dumps(settings))
    return artifact


@pytest.mark.once
@pytest.mark.parametrize(
    ("break_it", "expected"),
    [
        (lambda a: dataclasses.replace(a, labels=a.labels[::-1]), "is not the model"),
        (lambda a: dataclasses.replace(a, temperature=1.0), "is not the model"),
        (lambda a: dataclasses.replace(a, threshold=None), "labels are equal"),
        (lambda a: dataclasses.replace(a, inputs=dataclasses.replace(a.inputs, truncation="head")), "is not"),
        (keep_accents, "tokenizer.json gives other ids"),
    ],
    ids=["labels reversed", "temperature dropped", "threshold dropped", "cut otherwise", "accents kept"],
)
def test_gate_sees_what_is_broken(artifacts, exported_run, tmp_path, break_it, expected):
    copy = open_artifact(shutil.copytree(artifacts["onnx"].path, tmp_path / "onnx"))
    results = keras_sentiment.load(exported_run.path).predict(GATE)
    positive = np.array([result["probabilities"]["positive"] for result in results])
    assert ((positive > 0.25) & (positive < 0.5)).any()
    check(copy, results, GATE)
    with pytest.raises(ParityError, match=expected):
        check(break_it(copy).write(), results, GATE)


@pytest.mark.once
def test_int8_is_measured_and_refused_when_it_loses(exported_run, corpus, artifacts, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="--data"):
        export(exported_run, tmp_path / "out", ["onnx_int8"])
    monkeypatch.setattr(exporter, "MAX_LOST_ACCURACY", -1)
    monkeypatch.setattr(exporter, "check", lambda *_: artifacts["onnx_int8"].parity)
    with pytest.raises(ParityError, match="accuracy on validation falls"):
        export(exported_run, tmp_path / "out", ["onnx_int8"], data=corpus.path)
    assert not (tmp_path / "out").exists()
    # As `--force` keeps it; what is there is not replaced unasked.
    assert exporter.Exporter(exported_run, tmp_path).accuracy(
        artifacts["onnx_int8"], corpus.splits["validation"], force=True
    )
    with pytest.raises(InputError, match="--overwrite"):
        export(exported_run, artifacts["onnx_int8"].path.parent, ["onnx_int8"], data=corpus.path)
