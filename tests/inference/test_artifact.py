"""The serving folder on disk: what was written is read, and what was touched since is refused."""

import dataclasses
import json
import os
import subprocess
import sys

import pytest

import keras_sentiment
from helpers.tiny import INPUTS, TOKENIZER
from keras_sentiment.data.text_keys import NO_TEXTS
from keras_sentiment.errors import InputError
from keras_sentiment.inference.artifact import Artifact, holds_an_artifact_alone, open_artifact
from keras_sentiment.inference.engines import open_engine
from keras_sentiment.storage import checksums
from keras_sentiment.text.cleaning import CLEANING_VERSION
from keras_sentiment.text.tokenizer import TOKENIZER_FILES

pytestmark = pytest.mark.once


LISTED = dict.fromkeys(
    ["README.md", "model.onnx", "trained_on.npy", *(f"tokenizer/{name}" for name in TOKENIZER_FILES)], "0"
)


@pytest.fixture
def artifact(tmp_path):
    """An artifact whose graph is none."""
    folder = tmp_path / "onnx"
    TOKENIZER.save(folder / "tokenizer")
    (folder / "model.onnx").write_bytes(b"no graph")
    (folder / "README.md").write_text("# films\n")
    NO_TEXTS.write(folder / "trained_on.npy")
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
    with pytest.raises(InputError, match=f"{name}: it has changed since it was written"):
        open_artifact(artifact.path)
    file.unlink()
    with pytest.raises(InputError, match=f"{name}: it is missing"):
        open_artifact(artifact.path)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"format_version": 99}, "update keras-sentiment"),
        (
            {"format_version": 1},
            "its format version is 1, and this program reads version 3; make one with `export`",
        ),
        ({"format": "pickle"}, "'pickle'"),
        ({"cleaning_version": CLEANING_VERSION + 1}, "export the model again"),
        ({"labels": ["one"]}, "labels"),
        ({"temperature": 0}, "temperature"),
        ({"temperature": "warm"}, "a key is missing or wrong"),
        ({"threshold": 1.0}, "threshold"),
        ({"inputs": {"sequence_length": 2}}, "sequence_length=2"),
        ({"inputs": {"length": 2}}, "a key is missing or wrong"),
        ({"surprise": 1}, "surprise"),
        ({"two\nlines": 1}, "two.nlines"),
        ({"name": ["x"]}, "name"),
        ({"files": {"model.onnx": "0", "a\0b": "0"}}, "it lists a.x00b"),
        ({"inputs": {"sequence_length": 10**12}}, "sequence_length"),
        ({"files": {}}, "doesn't list"),
        ({"files": {"model.onnx": "0"}}, "doesn't list"),
        ({"files": {**LISTED, "../secret": "0"}}, r"lists \.\./secret"),
        ({"files": {**LISTED, "/etc/passwd": "0"}}, "lists /etc/passwd"),
        ({"files": {**LISTED, "model.bin": "0"}}, r"lists model\.bin"),
        ({"files": {**LISTED, "tokenizer/vocabulary.txt": "0"}}, r"lists tokenizer/vocabulary\.txt"),
        ({"files": LISTED}, r"README\.md: it has changed since it was written"),
        ({"files": {f"model.onnx/{i}": "0" for i in range(1000)}}, "more than 100 files"),
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
    with pytest.raises(InputError, match="it is a link"):
        open_artifact(artifact.path)


def test_a_graph_that_is_none_is_named(artifact):
    with pytest.raises(InputError, match=r"model\.onnx: onnxruntime can't read the graph"):
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


@pytest.mark.parametrize("name", ["vocabulary.txt", "tokenizer/assets/tokenizer/vocabulary.txt", "model.bin"])
def test_a_file_that_is_not_listed_is_refused(artifact, name):
    file = artifact.path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("[PAD]\n")
    with pytest.raises(InputError, match=f"{name}: artifact.json doesn't list it; remove it"):
        open_artifact(artifact.path)


def test_what_a_system_puts_into_a_folder_is_not_read(artifact):
    (artifact.path / ".git").mkdir()
    (artifact.path / ".git" / "HEAD").symlink_to("/nowhere")
    assert open_artifact(artifact.path) == artifact


@pytest.mark.parametrize(
    "name", ["README.md", "trained_on.npy", "tokenizer/vocab.txt", "tokenizer", "artifact.json"]
)
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_is_no_regular_file_is_refused(artifact, tmp_path, name, kind):
    """Also where a link leads to the very same bytes."""
    file, elsewhere = artifact.path / name, tmp_path / "elsewhere"
    file.rename(elsewhere)
    os.mkfifo(file) if kind == "pipe" else file.symlink_to(elsewhere)
    with pytest.raises(InputError, match=name):
        open_artifact(artifact.path)


def test_files_may_not_be_of_any_size(artifact, monkeypatch):
    monkeypatch.setattr(checksums, "MAX_BYTES", 1000)
    with pytest.raises(InputError, match="have more than 1,000 bytes"):
        open_artifact(artifact.path)
