"""An untrusted model: what could run code, read other files or take all memory is refused, and named."""

import io
import json
import os
import pickle
import re
import resource
import zipfile

import h5py
import keras
import keras_hub
import numpy as np
import pytest

from helpers.tiny import INPUTS, TOKENIZER, TRAINING, build, save_run
from keras_sentiment.config import BertConfig, TransformerConfig
from keras_sentiment.errors import InputError
from keras_sentiment.inference.load import load_model
from keras_sentiment.models.bert import build_bert
from keras_sentiment.models.model_file import read_model
from keras_sentiment.recipes import TRANSFORMER_RECIPES, Recipe
from keras_sentiment.runs.run import open_run
from keras_sentiment.text.tokenizer import Tokenizer

BACKEND = keras.backend.backend()


@pytest.fixture(scope="module")
def members(transformer):
    """The parts of a file of ours."""
    with zipfile.ZipFile(transformer[1].path / "model.keras") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def marker(tmp_path):
    """The path of a file that hostile code would make."""
    return tmp_path / "code ran"


def write(path, members, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def refusal(path):
    with pytest.raises(InputError) as caught:
        read_model(path)
    message = str(caught.value)
    assert message.isprintable()
    assert str(path) in message
    return message


def changed(members, change):
    """The parts of a file with another config."""
    config = json.loads(members["config.json"])
    change(config)
    return {**members, "config.json": json.dumps(config)}


def layer(config, name):
    return next(layer for layer in config["config"]["layers"] if layer["config"]["name"] == name)


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
def test_every_small_transformer_of_ours_is_read(config, corpus, tmp_path):
    run = save_run(tmp_path / "run", corpus, build(config), Recipe(config, INPUTS, TRAINING))
    assert open_run(run.path).load_model().count_params() == build(config).count_params()


@pytest.mark.parametrize("activation", ["tanh", "exact"])
@pytest.mark.parametrize("head", [{"trainable_blocks": 0}, {"pooling": "cls", "dropout": 0.1}])
def test_every_bert_of_ours_is_read(activation, head, corpus, tmp_path):
    backbone = keras_hub.models.BertBackbone(TOKENIZER.vocabulary_size, 2, 2, 8, 16, max_sequence_length=40)
    backbone.save_to_preset(str(tmp_path / "preset"))
    if activation == "exact":
        config = json.loads((tmp_path / "preset" / "config.json").read_text())
        (tmp_path / "preset" / "config.json").write_text(json.dumps({**config, "hidden_act": "gelu"}))
    config = BertConfig(str(tmp_path / "preset"), **{"trainable_blocks": 1, "ngram_buckets": 64, **head})
    run = save_run(tmp_path / "run", corpus, build_bert(config, 16, 2), Recipe(config, INPUTS, TRAINING))
    open_run(run.path).load_model()


def replaced(name, **values):
    """Puts something else in the place of a layer."""
    return lambda config: layer(config, name).update(values)


HOSTILE = {
    "Lambda": replaced("embedding_dropout", module="keras.layers", class_name="Lambda", registered_name=None),
    "Lambda of old": replaced("embedding_dropout", module=None, class_name="Lambda", registered_name=None),
    "SavedModel": replaced("logits", module="keras.layers", class_name="TFSMLayer"),
    "torch module": replaced("logits", module="keras.layers", class_name="TorchModuleWrapper"),
    "any module": replaced("logits", module="keras_hub.src.models.backbone", class_name="Backbone"),
    "our name, their module": replaced("logits", module="keras_hub.src.layers", class_name="Dense"),
    "our name, their class": replaced("logits", registered_name="keras_hub>BertBackbone"),
    "name that is not registered": replaced("logits", registered_name="keras_hub>SinePositionEncoding"),
    "lambda": lambda config: layer(config, "logits")["config"].update(
        activation={"class_name": "__lambda__", "config": {"value": "x"}}
    ),
    "function": lambda config: layer(config, "logits")["config"].update(
        activation={
            "module": "builtins",
            "class_name": "function",
            "config": "eval",
            "registered_name": "function",
        }
    ),
    "loss": lambda config: config.update(
        compile_config={"loss": {"module": "keras.losses", "class_name": "CTC", "config": {}}}
    ),
    "registered function": lambda config: layer(config, "logits")["config"].update(
        activation="keras_hub>other"
    ),
}


@pytest.mark.once
@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_can_run_code_is_refused_by_its_name(change, members, tmp_path):
    message = refusal(write(tmp_path / "model.keras", changed(members, change)))
    assert "no model of ours does: it might run code" in message


@pytest.mark.once
def test_a_lambda_that_keras_saved_is_refused(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x + 1)])
    model.save(tmp_path / "model.keras")
    assert "it might run code" in refusal(tmp_path / "model.keras")


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
    # As torch saves one, and as Keras takes arrays.
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
def test_bombs_are_not_unpacked(members, tmp_path):
    big = {**members, "metadata.json": bytes(64 << 20)}
    assert "compressed" in refusal(write(tmp_path / "model.keras", big, compression=zipfile.ZIP_DEFLATED))
    assert "larger than 16 MB" in refusal(
        write(tmp_path / "model.keras", {**members, "config.json": b" " * (17 << 20)})
    )
    deep = {**members, "config.json": b'{"a":' * 100_000}
    assert "not JSON" in refusal(write(tmp_path / "model.keras", deep))


@pytest.mark.once
def test_a_config_that_asks_for_more_than_the_file_holds_is_refused(members, tmp_path):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    huge = changed(
        members, lambda config: layer(config, "token_embedding")["config"].update(input_dim=10**11)
    )
    message = refusal(write(tmp_path / "model.keras", huge))
    assert re.search(r"describes 800,000,002,\d{3} parameters and holds 2,\d{3}\b", message)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 << 10


def weights(change):
    """The weights file of one dataset, made by `change`."""
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
def test_weights_come_from_the_file_alone(change, members, tmp_path):
    message = refusal(write(tmp_path / "model.keras", {**members, "model.weights.h5": weights(change)}))
    assert "linked from elsewhere" in message or "not stored as plain numbers" in message


@pytest.mark.once
def test_one_damaged_byte_is_named(members, tmp_path):
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
        with pytest.raises(InputError, match=r"not the model of .*config\.json"):
            load_model(open_run(run.path))
    file.write_text(json.dumps(values))
    if BACKEND == "torch":  # the others take the nearest id that there is
        larger.save(run.path / "tokenizer")
        with pytest.raises(InputError, match="ids below 16"):
            load_model(run)


@pytest.mark.once
def test_what_was_damaged_after_saving_is_named(corpus, tmp_path):
    run = save_run(tmp_path / "run", corpus, build())
    file = run.path / "tokenizer" / "vocab.txt"
    file.write_text(file.read_text().replace("good", "goad"))
    with pytest.raises(InputError, match=r"vocab\.txt is not what was written"):
        open_run(run.path)


@pytest.mark.once
def test_a_model_that_is_a_link_or_a_folder_is_refused(corpus, tmp_path):
    run = save_run(tmp_path / "run", corpus, build())
    file = run.path / "model.keras"
    file.rename(tmp_path / "model.keras")
    file.symlink_to(tmp_path / "model.keras")
    with pytest.raises(InputError, match=r"model\.keras is outside of the folder"):
        open_run(run.path)
    file.unlink()
    file.mkdir()
    with pytest.raises(InputError, match="did not end"):
        open_run(run.path)
