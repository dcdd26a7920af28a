"""The serving folder on disk: what was written is read, and what was touched since is refused."""

import dataclasses
import json
import subprocess
import sys

import pytest

import keras_sentiment
from helpers.tiny import INPUTS, TOKENIZER
from keras_sentiment.errors import InputError
from keras_sentiment.inference.artifact import Artifact, holds_an_artifact_alone, open_artifact
from keras_sentiment.inference.engines import open_engine
from keras_sentiment.text.cleaning import CLEANING_VERSION

pytestmark = pytest.mark.once


@pytest.fixture
def artifact(tmp_path):
    """An artifact whose graph is none."""
    folder = tmp_path / "onnx"
    TOKENIZER.save(folder / "tokenizer")
    (folder / "model.onnx").write_bytes(b"no graph")
    labels = ("négatif", "positif")
    return Artifact(folder, "onnx", "films", labels, INPUTS, CLEANING_VERSION, 1.5, 0.4).write()


def change(artifact, **values):
    file = artifact.path / "artifact.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def test_what_was_written_is_read(artifact, tmp_path):
    assert open_artifact(artifact.path) == artifact
    moved = artifact.path.rename(tmp_path / "elsewhere")
    found = open_artifact(moved)
    assert found == dataclasses.replace(artifact, path=moved)
    assert found.tokenizer().sha256 == TOKENIZER.sha256
    assert (found.decision.temperature, found.decision.threshold) == (1.5, 0.4)
    assert set(found.files) > {"model.onnx", "tokenizer/vocab.txt", "tokenizer/tokenizer.json"}


def test_a_folder_with_something_else_is_not_ours_to_replace(artifact):
    assert holds_an_artifact_alone(artifact.path)
    (artifact.path / "notes.txt").touch()
    assert not holds_an_artifact_alone(artifact.path)


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer/vocab.txt"])
def test_a_file_that_was_touched_is_named(artifact, name):
    file = artifact.path / name
    content = file.read_bytes()
    file.write_bytes(content[:-1] + b"?")
    with pytest.raises(InputError, match=f"{name} is not what was written"):
        open_artifact(artifact.path)
    file.unlink()
    with pytest.raises(InputError, match=f"{name} is missing"):
        open_artifact(artifact.path)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"format_version": 99}, "update keras-sentiment"),
        ({"format_version": 1}, "written in format 1, and this version reads 3; make one with `export`"),
        ({"format": "pickle"}, "'pickle'"),
        ({"cleaning_version": CLEANING_VERSION + 1}, "export it again"),
        ({"labels": ["one"]}, "labels"),
        ({"temperature": 0}, "temperature"),
        ({"temperature": "warm"}, "lacks or mistakes a key"),
        ({"threshold": 1.0}, "threshold"),
        ({"inputs": {"sequence_length": 2}}, "sequence_length=2"),
        ({"inputs": {"length": 2}}, "lacks or mistakes a key"),
        ({"surprise": 1}, "surprise"),
        ({"two\nlines": 1}, "two.nlines"),
        ({"name": ["x"]}, "name"),
        ({"files": {"model.onnx": "0", "a\0b": "0"}}, "is not what was written"),
        ({"inputs": {"sequence_length": 10**12}}, "sequence_length"),
        ({"files": {}}, "list of files"),
        ({"files": {"../secret": "0", "model.onnx": "0"}}, "outside"),
        ({"files": {"/etc/passwd": "0", "model.onnx": "0"}}, "outside"),
        ({"files": {f"model.onnx/{i}": "0" for i in range(1000)}}, "list of files"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(artifact, values, expected):
    change(artifact, **values)
    with pytest.raises(InputError, match=expected):
        open_artifact(artifact.path)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", "[" * 100_000, "null", '{"format_version": "x"}', '{"format_version": 1e999}']
)
def test_what_is_no_manifest_is_refused(artifact, content):
    (artifact.path / "artifact.json").write_text(content)
    with pytest.raises(InputError, match="not an exported model"):
        open_artifact(artifact.path)


def test_a_link_out_of_the_folder_is_refused(artifact, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"no graph")
    (artifact.path / "model.onnx").unlink()
    (artifact.path / "model.onnx").symlink_to(secret)
    with pytest.raises(InputError, match="outside"):
        open_artifact(artifact.path)


def test_a_graph_that_is_none_is_named(artifact):
    with pytest.raises(InputError, match=r"model\.onnx: onnxruntime can't read it"):
        keras_sentiment.load(artifact.path)


@pytest.mark.parametrize("format", ["torch", "tf_saved_model"])
def test_formats_that_run_code_are_never_opened(artifact, format):
    with pytest.raises(InputError, match="runs the code that is in it"):
        open_engine(dataclasses.replace(artifact, format=format))


def test_a_missing_runtime_is_named(artifact):
    program = f"""
import sys
sys.modules.update(dict.fromkeys(("keras", "torch", "tensorflow", "onnxruntime")))
import keras_sentiment
try:
    keras_sentiment.load({str(artifact.path)!r})
except keras_sentiment.InputError as error:
    print(error)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "pip install onnxruntime" in result.stdout
