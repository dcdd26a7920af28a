"""Damaged artifacts are refused in one line, and their graphs read nothing else."""

import contextlib
import datetime
import json
import os
import re
import shutil
from copy import deepcopy
from pathlib import Path

import numpy as np
import onnx
import openvino
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.tiny import INPUTS, TOKENIZER
from keras_sentiment.errors import InputError
from keras_sentiment.inference.artifact import Artifact
from keras_sentiment.inference.load import load
from keras_sentiment.text.cleaning import CLEANING_VERSION

pytestmark = pytest.mark.once
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "2000"))
# What opens a model takes a tenth of a second or more.
MODELS = int(os.environ.get("FUZZ_MODELS", "500"))
MAX_MEMORY = 300 << 20
FUZZ = settings(
    database=None,
    derandomize=True,
    deadline=datetime.timedelta(seconds=60),  # longer is a hang, on however busy a machine
    suppress_health_check=list(HealthCheck),
)


def amounts(quick, many=EXAMPLES):
    """A test runs on a few examples, and on many where it is slow."""
    return pytest.mark.parametrize("examples", [quick, pytest.param(many, marks=pytest.mark.slow)])


@pytest.fixture(autouse=True)
def memory():
    """A test takes no more memory than it may, beyond what is imported; Linux alone tells a peak anew."""
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not reset.exists():
        yield
        return
    before = resident(status, "VmRSS")
    reset.write_text("5")
    yield
    assert resident(status, "VmHWM") - before < MAX_MEMORY


def resident(status, name):
    return int(re.search(rf"{name}:\s+(\d+) kB", status.read_text())[1]) << 10


def told(error, *names):
    """What is wrong is said in one line that a terminal shows as it is, and names the file."""
    message = str(error)
    assert message.isprintable()
    assert len(message) < 2100
    assert not names or any(str(name) in message for name in names), message


@contextlib.contextmanager
def refused(*names):
    """The block ends well, or with an error for the user."""
    try:
        yield
    except InputError as error:
        told(error, *names)


ODD_BYTES = [
    b"\0",
    b"\xff",
    b"\xed\xa0\x80",
    b'"',
    b"\n",
    b"\r",
    b",",
    b"\t",
    b"\xef\xbb\xbf",
    b"\x7f" * 8,
    b"{",
    b"[",
]
edits = st.lists(
    st.tuples(
        st.integers(0, 1 << 20),
        st.sampled_from(["write", "insert", "cut", "end", "repeat"]),
        st.one_of(st.binary(min_size=1, max_size=8), st.sampled_from(ODD_BYTES)),
    ),
    min_size=1,
    max_size=6,
)


def edited(content, changes):
    """Bytes after some changes at places that are counted modulo their length."""
    for place, kind, new in changes:
        place %= len(content) + 1
        if kind == "write":
            content = content[:place] + new + content[place + len(new) :]
        elif kind == "insert":
            content = content[:place] + new + content[place:]
        elif kind == "cut":
            content = content[:place] + content[place + len(new) :]
        elif kind == "end":
            content = content[:place]
        else:
            content = content[:place] + content[max(0, place - 40) : place] * 20 + content[place:]
    return content


ODD_VALUES = st.sampled_from(
    [
        *[
            None,
            True,
            False,
            -1,
            0,
            1,
            3,
            0.5,
            -0.0,
            1e308,
            10**12,
            10**30,
            "",
            "x",
            "a\nb",
            "\x1b[2J",
            "\ud800",
        ],
        *[
            "../x",
            "/x",
            "keras_hub>TransformerEncoder",
            "Lambda",
            "é" * 3000,
            [],
            {},
            [[]],
            [0],
            [None],
            {"a": 1},
        ],
        {"class_name": "Lambda"},
    ]
)
json_edits = st.lists(
    st.tuples(st.integers(0, 1 << 20), st.sampled_from(["replace", "remove", "add"]), ODD_VALUES),
    min_size=1,
    max_size=3,
)


def places(value):
    """Every container within a JSON value with each key or position in it."""
    for key, each in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(each, (dict, list)):
            yield from places(each)


def edited_json(content, changes):
    """A JSON text after changes at places that are counted modulo their number."""
    value = json.loads(content)
    for place, kind, new in changes:
        found = list(places(value))
        if not found:
            break
        holder, key = found[place % len(found)]
        new = deepcopy(new)  # a later change may be made within it
        if kind == "replace":
            holder[key] = new
        elif kind == "remove":
            del holder[key]
        elif isinstance(holder, dict):
            holder["a\nnew key"] = new
        else:
            holder.insert(key, new)
    return json.dumps(value).encode()


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory):
    """A graph that counts words, in each format that is opened."""
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
    """Writes the manifest anew, as one does who means it."""
    Artifact(path, format, "words", ("negative", "positive"), INPUTS, CLEANING_VERSION, 1.0, None).write()


def answers(path):
    """A model that can be opened labels a text."""
    with refused(path):
        (result,) = load(path).predict(["a good film " * 30])
        assert 0 <= result["probability"] <= 1


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
    (path / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(InputError, match=r"External data path|external data"):
        load(path)


@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_a_graph_of_another_manifest_is_refused(format, artifacts, tmp_path):
    path = shutil.copytree(artifacts[format], tmp_path / format)
    labels = ("negative", "neutral", "positive")
    Artifact(path, format, "words", labels, INPUTS, CLEANING_VERSION, 1.0, None).write()
    with pytest.raises(InputError, match="gives no 3 finite logits"):
        load(path)
