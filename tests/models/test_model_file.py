"""Untrusted model files are refused if they could run code, read other files or exhaust the memory."""

import io
import json
import os
import pickle
import resource
import zipfile

import h5py
import keras
import keras_hub
import numpy as np
import pytest

from helpers.saved_runs import sign
from helpers.tiny import INPUTS, RECIPE, TOKENIZER, TRAINING, build, save_run
from keras_sentiment.architecture import Architecture
from keras_sentiment.config import BertConfig, TransformerConfig
from keras_sentiment.errors import InputError
from keras_sentiment.inference.load import load_model
from keras_sentiment.models.architecture import architecture_of, rebuild
from keras_sentiment.models.bert import build_bert
from keras_sentiment.models.model_file import read_weights
from keras_sentiment.recipes import TRANSFORMER_RECIPES, Recipe
from keras_sentiment.runs.run import open_run
from keras_sentiment.text.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def members(transformer):
    """The members of a valid model file."""
    with zipfile.ZipFile(transformer[1].path / "model.keras") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def marker(tmp_path):
    """The path of a file that hostile code would create."""
    return tmp_path / "code ran"


def write(path, members, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def ours():
    """Returns the model of a run, with random weights."""
    model = build()
    return rebuild(RECIPE, architecture_of(model), num_classes=2)


def refusal(path):
    with pytest.raises(InputError) as caught:
        read_weights(path, ours)
    message = str(caught.value)
    assert message.isprintable()
    assert str(path) in message
    return message


@pytest.mark.parametrize(
    "config",
    [
        TransformerConfig(
            num_layers=1, num_heads=2, hidden_dim=8, intermediate_dim=16, ngram_buckets=64, activation="relu"
        ),
        TransformerConfig(
            num_layers=1,
            num_heads=2,
            hidden_dim=8,
            intermediate_dim=16,
            ngram_buckets=64,
            initializer="torch",
        ),
        TRANSFORMER_RECIPES["default"].model,
        TRANSFORMER_RECIPES["reference"].model,
    ],
)
def test_every_kind_of_small_transformer_is_read(config, corpus, tmp_path):
    run = save_run(tmp_path / "run", corpus, build(config), Recipe(config, INPUTS, TRAINING))
    assert open_run(run.path).load_model().count_params() == build(config).count_params()


@pytest.mark.parametrize("activation", ["tanh", "exact"])
@pytest.mark.parametrize(
    "head",
    [
        {"trainable_blocks": 0},
        {"trainable_blocks": "all", "dropout": 0.1},
        {"pooling": "cls", "dropout": 0.1},
    ],
)
def test_every_kind_of_bert_is_read(activation, head, corpus, tmp_path):
    backbone = keras_hub.models.BertBackbone(TOKENIZER.vocabulary_size, 2, 2, 8, 16, max_sequence_length=40)
    backbone.save_to_preset(str(tmp_path / "preset"))
    if activation == "exact":
        config = json.loads((tmp_path / "preset" / "config.json").read_text())
        (tmp_path / "preset" / "config.json").write_text(json.dumps({**config, "hidden_act": "gelu"}))
    config = BertConfig(str(tmp_path / "preset"), **{"trainable_blocks": 1, "ngram_buckets": 64, **head})
    run = save_run(tmp_path / "run", corpus, build_bert(config, 16, 2), Recipe(config, INPUTS, TRAINING))
    open_run(run.path).load_model()


HOSTILE = {
    "Lambda": {"module": "keras.layers", "class_name": "Lambda", "registered_name": None},
    "SavedModel": {"module": "keras.layers", "class_name": "TFSMLayer"},
    "torch module": {"module": "keras.layers", "class_name": "TorchModuleWrapper"},
    "any module": {"module": "keras_hub.src.models.backbone", "class_name": "Backbone"},
    "no module": {"class_name": "Lambda", "registered_name": "keras_sentiment>Dropout"},
    "huge": {"config": {"name": "token_embedding", "input_dim": 10**12, "output_dim": 10**6}},
}


@pytest.mark.once
@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE.keys())
def test_the_config_inside_the_file_is_ignored(change, members, corpus, tmp_path, monkeypatch):
    """The model comes from the run's config, and only the weights come from the file."""
    config = json.loads(members["config.json"])
    for layer in config["config"]["layers"]:
        layer.update(change)
    for content in (json.dumps(config), b"no JSON", b'{"a":' * 100_000, b" " * (17 << 20)):
        path = write(tmp_path / "model.keras", {**members, "config.json": content, "metadata.json": content})
        for name in ("load_model", "deserialize_keras_object"):
            monkeypatch.setattr(keras.saving, name, forbidden)
        expected = h5py.File(io.BytesIO(members["model.weights.h5"]))["layers/dense/vars/0"][()]
        np.testing.assert_array_equal(read_weights(path, ours).get_layer("logits").kernel, expected)


def forbidden(*_, **__):
    raise AssertionError("Keras builds what the file describes")


@pytest.mark.once
def test_another_keras_model_is_refused(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x + 1)])
    model.save(tmp_path / "model.keras")
    assert "its weights do not fit the model of config.json: missing" in refusal(tmp_path / "model.keras")


class Hostile:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.once
def test_a_pickle_is_not_opened(members, marker, tmp_path):
    path = tmp_path / "model.keras"
    path.write_bytes(pickle.dumps(Hostile(marker)))
    assert "not a zip file" in refusal(path)
    # A pickle inside a zip file, as torch saves it, and inside an npz file, which Keras can read.
    write(path, {**members, "archive/data.pkl": pickle.dumps(Hostile(marker))})
    assert "archive/data.pkl" in refusal(path)
    arrays = io.BytesIO()
    np.savez(arrays, vars=np.array([Hostile(marker)], object))
    others = {name: content for name, content in members.items() if name != "model.weights.h5"}
    write(path, {**others, "model.weights.npz": arrays.getvalue()})
    assert "model.weights.npz" in refusal(path)
    assert not marker.exists()


@pytest.mark.once
@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "assets/layers/x", "config.json/../../x"])
def test_a_member_with_a_path_is_refused(name, members, tmp_path):
    assert name in refusal(write(tmp_path / "model.keras", {**members, name: b"x"}))
    assert os.listdir(tmp_path) == ["model.keras"]


@pytest.mark.once
def test_compressed_weights_are_not_unpacked(members, tmp_path):
    path = tmp_path / "model.keras"
    big = {**members, "model.weights.h5": bytes(64 << 20)}
    assert "compressed" in refusal(write(path, big, compression=zipfile.ZIP_DEFLATED))


@pytest.mark.once
@pytest.mark.parametrize(
    "changes",
    [
        {"vocabulary_size": 1 << 19, "hidden_dim": 1 << 14},
        {"hidden_dim": 1 << 14, "intermediate_dim": 1 << 14, "num_layers": 64},
        {"ngram_rows": 10**15},
        {"ngrams": 5, "ngram_buckets": 1 << 21},
        {"num_classes": 10_000},
        {"conv_kernel_size": 31},
    ],
)
def test_a_config_of_a_larger_model_than_the_file_is_refused(members, tmp_path, changes):
    """Refusing it takes less than 200 MB, whatever size the config describes."""
    sizes = {"vocabulary_size": TOKENIZER.vocabulary_size, "ngram_rows": 1, "num_classes": 2, **changes}
    architecture = Architecture(sizes.pop("vocabulary_size"), None, sizes.pop("ngram_rows"), 0.5)
    num_classes = sizes.pop("num_classes")
    path = write(tmp_path / "model.keras", members)
    read_weights(path, ours)  # the imports take memory too
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match=r"do not fit the model of config\.json: missing"):
        read_weights(path, lambda: rebuild(RECIPE.replace(**sizes), architecture, num_classes))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 << 10


@pytest.mark.once
def test_weights_that_keras_does_not_load_are_an_error(members, tmp_path, monkeypatch):
    """Keras skips some weights without a word."""
    path = write(tmp_path / "model.keras", members)
    monkeypatch.setattr(keras.Model, "load_weights", lambda model, path: None)
    assert "Keras did not load some of its weights" in refusal(path)


@pytest.mark.once
def test_renamed_weights_of_the_same_shapes_are_refused(members, tmp_path):
    with h5py.File(io.BytesIO(members["model.weights.h5"])) as found:
        copy = io.BytesIO()
        with h5py.File(copy, "w") as file:
            for name in found:
                found.copy(name, file)
            file.move("layers/dense", "layers/dense_7")
    message = refusal(write(tmp_path / "model.keras", {**members, "model.weights.h5": copy.getvalue()}))
    assert "it can't be read" in message


def weights(change):
    """Returns a weights file with one item, which `change` adds."""
    file = io.BytesIO()
    with h5py.File(file, "w") as found:
        change(found.create_group("layers"))
    return file.getvalue()


def virtual(group):
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (4,))
    group.create_virtual_dataset("x", layout)


WEIGHTS = {
    "link to another file": lambda group: group.__setitem__("x", h5py.ExternalLink("/etc/passwd", "/x")),
    "soft link": lambda group: group.__setitem__("x", h5py.SoftLink("/layers")),
    "group in itself": lambda group: group.__setitem__("x", group),
    "data of another file": lambda group: group.create_dataset("x", (4,), "f4", external="/etc/passwd"),
    "views of another file": virtual,
    "compressed": lambda group: group.create_dataset("x", data=np.zeros(10**6, "f4"), compression="gzip"),
    "never written": lambda group: group.create_dataset("x", (10**12,), "f4"),
    "objects": lambda group: group.create_dataset("x", data=["a", "b"]),
}


@pytest.mark.once
@pytest.mark.parametrize("change", WEIGHTS.values(), ids=WEIGHTS.keys())
def test_weights_that_are_not_plain_arrays_are_refused(change, members, tmp_path):
    message = refusal(write(tmp_path / "model.keras", {**members, "model.weights.h5": weights(change)}))
    assert "contain links" in message or "not stored as plain numbers" in message


@pytest.mark.once
def test_one_damaged_byte_is_found(members, tmp_path):
    path = write(tmp_path / "model.keras", members)
    content = bytearray(path.read_bytes())
    with h5py.File(io.BytesIO(members["model.weights.h5"])) as found:
        place = found["layers/token_embedding/vars/0"].id.get_offset()
    content[content.index(members["model.weights.h5"]) + place] ^= 0xFF
    path.write_bytes(content)
    assert "Bad CRC-32 for file 'model.weights.h5'" in refusal(path)


@pytest.mark.once
def test_a_model_of_another_config_is_refused(corpus, tmp_path):
    run = save_run(tmp_path / "run", corpus, build())
    larger = Tokenizer([*TOKENIZER.vocabulary, "more"])
    file = tmp_path / "run" / "config.json"
    values = json.loads(file.read_text())
    for changes in ({"inputs": {**values["inputs"], "sequence_length": 41}}, {"labels": ["a", "b", "c"]}):
        file.write_text(json.dumps({**values, **changes}))
        sign(run.path)
        with pytest.raises(InputError, match=r"do not fit the model of config\.json: missing"):
            load_model(open_run(run.path))
    file.write_text(json.dumps(values))
    larger.save(run.path / "tokenizer")
    sign(run.path)
    with pytest.raises(InputError, match=r"vocab\.txt: it has 16 tokens, and the model 15"):
        open_run(run.path)


@pytest.mark.once
def test_a_vocabulary_that_changed_after_saving_is_named(corpus, tmp_path):
    run = save_run(tmp_path / "run", corpus, build())
    file = run.path / "tokenizer" / "vocab.txt"
    file.write_text(file.read_text().replace("good", "goad"))
    with pytest.raises(InputError, match=r"vocab\.txt: it has changed since it was written"):
        open_run(run.path)


@pytest.mark.once
def test_a_model_that_is_a_link_or_a_folder_is_refused(corpus, tmp_path):
    run = save_run(tmp_path / "run", corpus, build())
    file = run.path / "model.keras"
    file.rename(tmp_path / "model.keras")
    file.symlink_to(tmp_path / "model.keras")
    with pytest.raises(InputError, match=r"model\.keras: it is a link"):
        open_run(run.path)
    file.unlink()
    file.mkdir()
    with pytest.raises(InputError, match="did not end"):
        open_run(run.path)
