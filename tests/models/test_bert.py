"""The BERT classifier: trainable and frozen layers, padding, pooling, presets and GELU."""

import dataclasses
import json

import keras
import keras_hub
import numpy as np
import pytest

from helpers.tiny import TOKENIZER, TRAINING
from keras_sentiment.config import BertConfig
from keras_sentiment.errors import InputError
from keras_sentiment.models.bert import build_bert, load_backbone
from keras_sentiment.models.precision import with_precision
from keras_sentiment.text.tokenizer import packaged_minilm
from keras_sentiment.training.optimization import compile_model

pytestmark = pytest.mark.filterwarnings("ignore:.*was not adapted")  # these tests train without `adapt_model`

BLOCKS = 3
ARCHITECTURE = {
    "vocabulary_size": TOKENIZER.vocabulary_size,
    "num_layers": BLOCKS,
    "num_heads": 2,
    "hidden_dim": 8,
    "intermediate_dim": 16,
    "max_sequence_length": 32,
}


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    """A preset folder as KerasHub writes it."""
    folder = tmp_path_factory.mktemp("preset")
    keras_hub.models.BertBackbone(**ARCHITECTURE, dropout=0.0).save_to_preset(str(folder))
    return str(folder)


def build(preset, **changes):
    return build_bert(BertConfig(preset=preset, head_dropout=0.0, ngram_buckets=64, **changes), 16, 2)


def rows(length=8, padding=0, batch=4):
    ids = np.random.default_rng(0).integers(5, TOKENIZER.vocabulary_size, (batch, length)).astype("int32")
    pad = ((0, 0), (0, padding))
    return {"token_ids": np.pad(ids, pad), "padding_mask": np.pad(np.ones_like(ids), pad)}


def parts(model):
    """Returns the part of BERT of each weight, by the path of the weight."""
    found = {weight.path: "embeddings" for weight in model.get_layer("lower").weights}
    found |= {weight.path: "head" for weight in model.get_layer("upper").weights}
    for layer in [*model.get_layer("lower").layers, *model.get_layer("upper").layers]:
        if isinstance(layer, keras_hub.layers.TransformerEncoder):
            found |= {weight.path: int(layer.name.rpartition("_")[2]) for weight in layer.weights}
    return found


def moved_by_a_step(model):
    """Returns the parts whose weights a step changes, and asserts that they are the trainable ones."""
    compile_model(model, dataclasses.replace(TRAINING, decay="constant"), 1, "float32")
    before = {weight.path: weight.numpy().copy() for weight in model.weights}
    model.train_on_batch(rows(), np.array([0, 1, 1, 0], "int32"))
    changed = {w.path for w in model.weights if not np.array_equal(before[w.path], w.numpy())}
    # The bias of the keys shifts all scores of a query equally, so its gradient is 0 up to rounding.
    trainable = {weight.path for weight in model.trainable_weights}
    assert changed <= trainable
    assert all("key/bias" in path for path in trainable - changed)
    belongs = parts(model)
    return {belongs[path] for path in changed}


@pytest.mark.parametrize(
    ("trainable_blocks", "expected"),
    [(0, {"head"}), (1, {"head", 2}), (2, {"head", 1, 2}), ("all", {"head", "embeddings", 0, 1, 2})],
)
def test_a_step_changes_exactly_the_trainable_parts(preset, trainable_blocks, expected):
    assert moved_by_a_step(build(preset, trainable_blocks=trainable_blocks)) == expected


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_frozen_layers_stay_frozen_in_another_precision(preset, pooling):
    model = build(preset, trainable_blocks=1, pooling=pooling)
    mixed = with_precision(model, "mixed_bfloat16")
    expected = [weight.path for weight in model.trainable_weights]
    assert [weight.path for weight in mixed.trainable_weights] == expected
    assert moved_by_a_step(mixed) == {"head", 2}


@pytest.mark.once
def test_the_pooler_of_the_backbone_is_frozen(preset):
    model = build(preset, trainable_blocks=3, pooling="cls")
    names = {weight.path.split("/")[0] for weight in model.trainable_weights}
    assert not any("pooled" in name for name in names)
    assert not any("embedding" in name for name in names)


@pytest.mark.once
def test_too_many_trainable_blocks_are_refused(preset):
    with pytest.raises(InputError, match=r"at most 3.* Received: trainable_blocks=4") as caught:
        build(preset, trainable_blocks=4)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_logits_depend_on_tokens_and_not_on_padding(preset, pooling):
    model = build(preset, trainable_blocks=0, pooling=pooling)
    plain = model.predict_on_batch(rows())
    assert plain.dtype == np.float32
    np.testing.assert_allclose(model.predict_on_batch(rows(padding=5)), plain, atol=1e-5)
    other = rows()
    other["token_ids"][1, 3] = 5 + (other["token_ids"][1, 3] - 4) % 10
    changed = np.abs(model.predict_on_batch(other) - plain).max(axis=1) > 1e-6
    assert changed.tolist() == [False, True, False, False]
    turned = {**other, "token_ids": other["token_ids"][:, ::-1].copy()}
    assert np.abs(model.predict_on_batch(turned) - model.predict_on_batch(other)).max() > 1e-6


def test_mean_pooling_leaves_out_padding(preset):
    """The head is recomputed with numpy from the output of the backbone."""
    model = build(preset, trainable_blocks=0, ngrams=0)
    inputs = rows(padding=5)
    backbone = load_backbone(preset)
    segments = {"segment_ids": np.zeros_like(inputs["token_ids"])}
    vectors = backbone.predict_on_batch({**inputs, **segments})["sequence_output"]
    kernels = [model.get_layer("upper").get_layer(name).get_weights() for name in ("pooled_dense", "logits")]
    pooled = np.tanh(vectors[:, :8].mean(axis=1) @ kernels[0][0] + kernels[0][1])
    expected = pooled @ kernels[1][0] + kernels[1][1]
    np.testing.assert_allclose(model.predict_on_batch(inputs), expected, atol=1e-5)


def test_cls_pooling_is_that_of_the_backbone(preset):
    model = build(preset, trainable_blocks=0, pooling="cls", ngrams=0)
    inputs = rows(padding=5)
    segments = {"segment_ids": np.zeros_like(inputs["token_ids"])}
    pooled = load_backbone(preset).predict_on_batch({**inputs, **segments})["pooled_output"]
    kernel, bias = model.get_layer("upper").get_layer("logits").get_weights()
    np.testing.assert_allclose(model.predict_on_batch(inputs), pooled @ kernel + bias, atol=1e-5)


@pytest.mark.parametrize(
    ("trainable_blocks", "expected"), [(1, [0, 0, 0.25]), (3, [0.25] * 3), ("all", [0.25] * 3)]
)
def test_only_trainable_layers_have_dropout(preset, trainable_blocks, expected):
    model = build(preset, trainable_blocks=trainable_blocks, dropout=0.25)
    layers = [*model.get_layer("lower").layers, *model.get_layer("upper").layers]
    blocks = [layer for layer in layers if isinstance(layer, keras_hub.layers.TransformerEncoder)]
    assert [block.get_config()["dropout"] for block in blocks] == expected
    plain = build(preset, trainable_blocks=trainable_blocks)
    for ours, theirs in zip(model.get_layer("lower").weights, plain.get_layer("lower").weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


@pytest.mark.parametrize("trainable_blocks", [1, 3])
def test_the_frozen_part_is_deterministic_in_training(preset, trainable_blocks):
    model = build(preset, trainable_blocks=trainable_blocks, dropout=0.5)
    lower, upper = model.get_layer("lower"), model.get_layer("upper")
    inputs = {**rows(), "segment_ids": np.zeros_like(rows()["token_ids"])}
    states = [keras.ops.convert_to_numpy(lower(inputs, training=flag)) for flag in (True, True, False)]
    np.testing.assert_array_equal(states[0], states[1])
    np.testing.assert_array_equal(states[0], states[2])
    above = {**rows(), "hidden_states": states[0]}
    drawn = [keras.ops.convert_to_numpy(upper(above, training=True)) for _ in range(2)]
    assert np.abs(drawn[0] - drawn[1]).max() > 0


@pytest.mark.once
@pytest.mark.parametrize("content", [None, {}, {"config.json": "{}"}])
def test_a_missing_preset_is_one_line(tmp_path, content):
    folder = tmp_path / "nothing"
    for name, text in (content or {}).items():
        folder.mkdir()
        (folder / name).write_text(text)
    with pytest.raises(InputError) as caught:
        load_backbone(str(folder))
    assert str(folder) in str(caught.value)
    assert "minilm" in str(caught.value)
    assert "\n" not in str(caught.value)


def hugging_face_vectors(folder, inputs):
    """Returns the last hidden states and the pooled output of `transformers`, as numpy arrays."""
    import torch
    from transformers import BertModel

    model = BertModel.from_pretrained(folder).eval()
    with torch.no_grad():
        found = model(
            input_ids=torch.tensor(inputs["token_ids"], dtype=torch.int64),
            attention_mask=torch.tensor(inputs["padding_mask"], dtype=torch.int64),
        )
    return {"sequence_output": found.last_hidden_state.numpy(), "pooled_output": found.pooler_output.numpy()}


def largest_difference(backbone, folder, inputs):
    """Returns the largest difference between a backbone and `transformers`, over real tokens."""
    segments = {"segment_ids": np.zeros_like(inputs["token_ids"])}
    ours = backbone.predict_on_batch({**inputs, **segments})
    theirs = hugging_face_vectors(folder, inputs)
    real = inputs["padding_mask"].astype(bool)
    return max(
        np.abs(ours["sequence_output"] - theirs["sequence_output"])[real].max(),
        np.abs(ours["pooled_output"] - theirs["pooled_output"]).max(),
    )


@pytest.fixture(scope="module")
def hugging_face_folder(tmp_path_factory):
    """A tiny BERT as `transformers` saves it, with weights so large that both kinds of GELU differ."""
    import torch
    from transformers import BertConfig as HuggingFaceConfig
    from transformers import BertModel

    folder = tmp_path_factory.mktemp("hugging_face")
    torch.manual_seed(0)
    model = BertModel(
        HuggingFaceConfig(
            vocab_size=TOKENIZER.vocabulary_size,
            hidden_size=8,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=16,
            max_position_embeddings=32,
            hidden_act="gelu",
            initializer_range=0.5,
        )
    )
    model.save_pretrained(folder)
    TOKENIZER.save(folder)
    return folder


def test_a_folder_with_the_exact_gelu_is_loaded_with_it(hugging_face_folder):
    folder = str(hugging_face_folder)
    inputs = rows(padding=3)
    assert largest_difference(load_backbone(folder), folder, inputs) < 1e-5
    # `from_preset` of KerasHub always uses the approximation.
    approximate = keras_hub.models.BertBackbone.from_preset(folder, dropout=0.0)
    assert largest_difference(approximate, folder, inputs) > 1e-4


def test_a_saved_model_keeps_the_exact_gelu(hugging_face_folder, tmp_path):
    model = build(str(hugging_face_folder), trainable_blocks=1)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_allclose(again.predict_on_batch(rows()), model.predict_on_batch(rows()), atol=1e-6)


def test_a_folder_with_the_approximate_gelu_is_loaded_with_it(hugging_face_folder, tmp_path):
    for file in hugging_face_folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "hidden_act": "gelu_new"}))
    assert largest_difference(load_backbone(str(tmp_path)), str(tmp_path), rows()) < 1e-5


@pytest.mark.real
def test_packaged_minilm_equals_transformers():
    from keras_sentiment.text.tokenizer import find_tokenizer

    tokenizer = find_tokenizer("minilm")
    texts = ["a film", "not one dull minute in two hours of it", "the plot is thin, the cast is fine"]
    ids = [[tokenizer.cls_id, *found, tokenizer.sep_id] for found in tokenizer.encode(texts)]
    length = max(map(len, ids))
    token_ids = np.array([row + [tokenizer.pad_id] * (length - len(row)) for row in ids], "int32")
    mask = np.array([[1] * len(row) + [0] * (length - len(row)) for row in ids], "int32")
    inputs = {"token_ids": token_ids, "padding_mask": mask}
    assert largest_difference(load_backbone("minilm"), str(packaged_minilm()), inputs) < 1e-4
