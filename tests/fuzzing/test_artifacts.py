"""Damaged artifacts give an error of one line, and their graphs read no other files."""

import os
import shutil

import numpy as np
import onnx
import openvino
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.strategies import FUZZ, MODELS, amounts, answers, edited, edited_json, edits, json_edits
from helpers.tiny import INPUTS, TOKENIZER
from keras_sentiment.data.text_keys import NO_TEXTS
from keras_sentiment.errors import InputError
from keras_sentiment.inference.artifact import Artifact
from keras_sentiment.inference.load import load
from keras_sentiment.text.cleaning import CLEANING_VERSION

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory):
    """A graph that counts words, in each format that can be opened."""
    folder = tmp_path_factory.mktemp("fuzzing")
    tensor, numbers = onnx.helper.make_tensor_value_info, onnx.TensorProto.INT32
    inputs = [tensor(name, numbers, ["batch", "length"]) for name in ("token_ids", "padding_mask")]
    outputs = [tensor("logits", onnx.TensorProto.FLOAT, ["batch", 2])]
    weights = np.arange(2 * TOKENIZER.vocabulary_size, dtype="float32").reshape(-1, 2)
    constants = [
        onnx.numpy_helper.from_array(weights, "weights"),
        onnx.numpy_helper.from_array(np.array([1]), "axes"),
    ]
    nodes = [
        onnx.helper.make_node("Gather", ["weights", "token_ids"], ["embedded"]),
        onnx.helper.make_node("Cast", ["padding_mask"], ["cast"], to=onnx.TensorProto.FLOAT),
        onnx.helper.make_node("Unsqueeze", ["cast", "minus"], ["mask"]),
        onnx.helper.make_node("Mul", ["embedded", "mask"], ["kept"]),
        onnx.helper.make_node("ReduceSum", ["kept", "axes"], ["logits"], keepdims=0),
    ]
    constants.append(onnx.numpy_helper.from_array(np.array([-1]), "minus"))
    model = onnx.helper.make_model(
        onnx.helper.make_graph(nodes, "words", inputs, outputs, constants),
        opset_imports=[onnx.helper.make_opsetid("", 18)],
        ir_version=9,
    )
    paths = {}
    for format, name in (("onnx", "model.onnx"), ("openvino", "model.xml")):
        paths[format] = folder / format
        TOKENIZER.save(paths[format] / "tokenizer")
        NO_TEXTS.write(paths[format] / "trained_on.npy")
        (paths[format] / "README.md").touch()
        onnx.save(model, folder / "model.onnx")
        if format == "onnx":
            shutil.copy(folder / "model.onnx", paths[format] / name)
        else:
            openvino.save_model(
                openvino.Core().read_model(folder / "model.onnx"),
                paths[format] / name,
                compress_to_fp16=False,
            )
        labels = ("negative", "positive")
        Artifact(paths[format], format, "words", labels, INPUTS, CLEANING_VERSION, 1.0, None).write()
    return paths


def reseal(path, format):
    """Writes a manifest with checksums of the changed files, as an attacker would."""
    Artifact(path, format, "words", ("negative", "positive"), INPUTS, CLEANING_VERSION, 1.0, None).write()


@amounts(25, MODELS)
@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_artifacts(format, examples, artifacts, tmp_path):
    path = artifacts[format]
    files = sorted(file.relative_to(path) for file in path.rglob("*") if file.is_file())

    @settings(FUZZ, max_examples=examples)
    @given(st.sampled_from(files), edits, json_edits, st.booleans())
    def check(name, raw, values, sealed):
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(path, copy)
        content = (copy / name).read_bytes()
        json_too = name.suffix == ".json" and raw[0][0] % 4
        (copy / name).write_bytes(edited_json(content, values) if json_too else edited(content, raw))
        if sealed and name.name != "artifact.json":
            reseal(copy, format)
        answers(copy)
        assert os.listdir(tmp_path) == ["copy"]

    check()


@pytest.mark.parametrize("location", ["../secret", "link", "/dev/zero"])
def test_a_graph_reads_no_file_outside_its_folder(location, artifacts, tmp_path):
    path = shutil.copytree(artifacts["onnx"], tmp_path / "onnx")
    (tmp_path / "secret").write_bytes(bytes(8 * TOKENIZER.vocabulary_size))
    model = onnx.load(path / "model.onnx")
    weights = next(tensor for tensor in model.graph.initializer if tensor.name == "weights")
    onnx.external_data_helper.set_external_data(weights, location)
    weights.ClearField("raw_data")
    (path / "model.onnx").write_bytes(model.SerializeToString())
    reseal(path, "onnx")
    if location == "link":
        (path / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(InputError, match=r"External data path|external data|it is a link"):
        load(path)


@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_a_graph_of_another_manifest_is_refused(format, artifacts, tmp_path):
    path = shutil.copytree(artifacts[format], tmp_path / format)
    labels = ("negative", "neutral", "positive")
    Artifact(path, format, "words", labels, INPUTS, CLEANING_VERSION, 1.0, None).write()
    with pytest.raises(InputError, match="does not return 3 finite logits"):
        load(path)
