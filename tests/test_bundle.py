"""The run directory: what is saved comes back the same, anywhere; what cannot be read says why."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import zipfile

import keras
import keras_hub
import numpy as np
import pytest

from helpers.tiny import INPUTS, RECIPE, TOKENIZER, TRAINING, build, make_corpus, reviews
from keras_sentiment.config import BertConfig, PrepareConfig
from keras_sentiment.data.encoded_split import Split
from keras_sentiment.data.evaluation_split import open_evaluation_split
from keras_sentiment.data.preparation import prepare_corpus
from keras_sentiment.errors import InputError
from keras_sentiment.inference.load import load_model, run_classifier
from keras_sentiment.models.bert import build_bert
from keras_sentiment.models.precision import with_precision
from keras_sentiment.recipes import Recipe
from keras_sentiment.runs.config import RunConfig
from keras_sentiment.runs.run import open_run
from keras_sentiment.storage.checksums import sha256
from keras_sentiment.text.tokenizer import Tokenizer
from keras_sentiment.training.optimization import compile_model
from keras_sentiment.training.run_writer import new_run

BACKEND = keras.backend.backend()
# Torch is the hub: what two others agree on with it, they agree on with one another.
OTHER_BACKENDS = {"torch": ("jax", "tensorflow"), "jax": ("torch",), "tensorflow": ("torch",)}[BACKEND]
TEXTS = ("a good film", "the plot is very dull", "not bad , not fine : " + "good film " * 30, "")
ROWS = {
    "token_ids": np.random.default_rng(0).integers(5, TOKENIZER.vocabulary_size, (4, 12)).astype("int32"),
    "padding_mask": np.ones((4, 12), "int32"),
}
COLUMNS = PrepareConfig()


def save(path, corpus, model, recipe=RECIPE, precision="float32"):
    """A bundle of a model as it is."""
    run = new_run(path, corpus, recipe, BACKEND, precision)
    run.begin()
    run.save(model, corpus.tokenizer())
    return run


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return make_corpus(tmp_path_factory.mktemp("bundle") / "data", 60)


@pytest.fixture(scope="module")
def transformer(corpus, tmp_path_factory):
    model = build()
    return model, save(tmp_path_factory.mktemp("bundle") / "transformer", corpus, model)


@pytest.fixture(scope="module")
def bert(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle")
    backbone = keras_hub.models.BertBackbone(TOKENIZER.vocabulary_size, 2, 2, 8, 16, max_sequence_length=40)
    backbone.save_to_preset(str(folder / "preset"))
    config = BertConfig(str(folder / "preset"), trainable_blocks=1, ngram_buckets=64)
    model = build_bert(config, 16, 2)
    return model, save(folder / "bert", corpus, model, Recipe(config, INPUTS, TRAINING))


@pytest.fixture
def copy(transformer, tmp_path):
    """The path of a bundle that a test may damage."""
    return shutil.copytree(transformer[1].path, tmp_path / "copy")


def one_line(caught, *expected):
    message = str(caught.value)
    assert "\n" not in message
    for text in expected:
        assert str(text) in message


@pytest.mark.parametrize("kind", ["transformer", "bert"])
def test_saved_and_loaded_is_the_same(request, kind):
    model, run = request.getfixturevalue(kind)
    opened = open_run(run.path)
    assert opened.config == run.config
    assert opened.tokenizer().sha256 == TOKENIZER.sha256
    again = opened.load_model()
    np.testing.assert_allclose(again.predict_on_batch(ROWS), model.predict_on_batch(ROWS), atol=1e-6)


def test_trained_in_bfloat16_is_saved_in_float32(corpus, tmp_path):
    model = with_precision(build(), "mixed_bfloat16")
    compile_model(model, dataclasses.replace(TRAINING, decay="constant"), 1, "mixed_bfloat16")
    model.train_on_batch(ROWS, np.array([0, 1, 1, 0], "int32"))
    save(tmp_path / "run", corpus, model, precision="mixed_bfloat16")
    opened = open_run(tmp_path / "run")
    again = opened.load_model()
    assert {layer.dtype_policy.name for layer in again.layers} == {"float32"}
    for ours, theirs in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert np.abs(again.predict_on_batch(ROWS) - model.predict_on_batch(ROWS)).max() < 0.1
    mixed = load_model(opened, "mixed_bfloat16")
    assert mixed.get_layer("block_0").dtype_policy.name == "mixed_bfloat16"
    np.testing.assert_array_equal(mixed.predict_on_batch(ROWS), model.predict_on_batch(ROWS))


def test_config_comes_back_from_json(transformer, bert):
    for _, run in (transformer, bert):
        for changes in ({}, {"temperature": 1.7, "threshold": 0.3}):
            config = dataclasses.replace(run.config, **changes)
            assert RunConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_decision_is_the_configs(copy):
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "temperature": 2.0, "threshold": 0.9}))
    decision = open_run(copy).decision
    assert decision.probabilities(np.array([[0.0, 2.0]]))[0, 1] == pytest.approx(1 / (1 + np.exp(-1)))
    assert decision.results(np.array([[0.0, 2.0]]))[0]["label"] == "negative"


def rewrite(**changes):
    def damage(path):
        values = json.loads((path / "config.json").read_text())
        for key, value in changes.items():
            values.pop(key) if value is None else values.update({key: value})
        (path / "config.json").write_text(json.dumps(values))

    return damage


def write(text):
    return lambda path: (path / "config.json").write_text(text)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda path: (path / "model.keras").unlink(), "did not end"),
        (rewrite(format_version=3), "written in format 3, and this version reads 2; update keras-sentiment"),
        (rewrite(format_version=1), "written in format 1, and this version reads 2; train one with"),
        (rewrite(cleaning_version=99), "train again"),
        (shutil.rmtree, "not a trained model"),
        (write('{"model_type": "bert", "hidden_act": "gelu"}'), "not a trained model"),
        (write('{"format_version": 1, "lab'), "not a trained model"),
        (write("[1]"), "not a trained model"),
        (write(""), "not a trained model"),
        (write("[" * 100_000), "not a trained model"),
        (write('{"format_version": Infinity}'), "not a trained model"),
        (write('{"format_version": 1e999}'), "not a trained model"),
        (rewrite(labels=None), "labels"),
        (rewrite(labels=["one"]), "labels"),
        (rewrite(labels="ab"), "labels"),
        (rewrite(labels=["a", "a"]), "labels"),
        (rewrite(labels=["a", "b\n"]), "labels"),
        (rewrite(inputs={"sequence_length": 10**12}), "sequence_length"),
        (rewrite(inputs={"sequence_length": 40.5}), "sequence_length"),
        (rewrite(inputs={"pad_to": 10**12}), "pad_to"),
        (rewrite(temperature=1e-320), "temperature"),
        (rewrite(data=[]), "mistakes a key"),
        (rewrite(versions={"keras": 3}), "mistakes a key"),
        (rewrite(kind="lstm"), "lstm"),
        (rewrite(temperature=0), "temperature"),
        (rewrite(threshold=2), "threshold"),
        (rewrite(model={"num_heads": 3, "hidden_dim": 8}), "num_heads"),
        (rewrite(novelty=1), "novelty"),
        (rewrite(**{"two\nlines": 1}), "two"),
    ],
)
def test_what_is_no_bundle_says_so(copy, damage, expected):
    damage(copy)
    with pytest.raises(InputError) as caught:
        open_run(copy)
    one_line(caught, copy, expected)


def truncate(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def flip(file):
    content = bytearray(file.read_bytes())
    for place in range(len(content) // 3, len(content) // 3 + 2000):
        content[place] ^= 0xFF
    file.write_bytes(content)


def leave_out(name):
    def damage(file):
        with zipfile.ZipFile(file) as archive:
            kept = {n: archive.read(n) for n in archive.namelist() if n != name}
        with zipfile.ZipFile(file, "w") as archive:
            for other, content in kept.items():
                archive.writestr(other, content)

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        truncate,
        flip,
        lambda file: file.write_bytes(b""),
        leave_out("config.json"),
        leave_out("model.weights.h5"),
    ],
    ids=["truncated", "flipped", "empty", "no config", "no weights"],
)
@pytest.mark.parametrize("checksums", [True, False])
def test_damaged_model_says_so(copy, damage, checksums):
    damage(copy / "model.keras")
    if not checksums:  # as of somebody who damaged it with care
        names = json.loads((copy / "checksums.json").read_text())
        (copy / "checksums.json").write_text(json.dumps({name: sha256(copy / name) for name in names}))
    with pytest.raises(InputError) as caught:
        open_run(copy).load_model()
    one_line(caught, copy / "model.keras", "train again")


def test_lost_tokenizer_says_so(copy):
    shutil.rmtree(copy / "tokenizer")
    with pytest.raises(InputError) as caught:
        open_run(copy).tokenizer()
    one_line(caught, copy / "tokenizer")


def start(path, corpus, **options):
    return new_run(path, corpus, RECIPE, BACKEND, "float32", **options)


def contents(path):
    return {file.relative_to(path): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_a_folder_that_holds_something_is_left_alone(corpus, copy, tmp_path):
    before = contents(tmp_path)
    with pytest.raises(InputError) as caught:
        start(copy, corpus)
    one_line(caught, copy, "--overwrite")
    # Somebody else's model has a config.json too, and somebody's notes may lie beside ours.
    for name, file in (("theirs", "config.json"), ("notes", "notes.txt")):
        folder = shutil.copytree(copy, tmp_path / name)
        (folder / file).write_text('{"model_type": "bert"}')
        kept = contents(folder)
        with pytest.raises(InputError) as caught:
            start(folder, corpus, overwrite=True)
        one_line(caught, folder, "another folder")
        assert contents(folder) == kept
        shutil.rmtree(folder)
    with pytest.raises(InputError) as caught:
        start(copy / "config.json", corpus, overwrite=True)
    one_line(caught, copy / "config.json", "is a file")
    assert contents(tmp_path) == before


def test_overwrite_replaces_a_run(corpus, copy):
    run = start(copy, corpus, overwrite=True)
    assert (copy / "model.keras").is_file()
    run.begin()
    assert {item.name for item in copy.iterdir()} == {"config.json", "checkpoints", "previous"}
    with pytest.raises(InputError, match="did not end"):
        open_run(copy)


def test_overwrite_keeps_a_link_and_the_working_directory(corpus, copy, tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(copy, target_is_directory=True)
    start(tmp_path / "link", corpus, overwrite=True).begin()
    assert (tmp_path / "link").is_symlink()
    assert (copy / "checkpoints").is_dir()
    monkeypatch.chdir(copy)
    start(".", corpus, overwrite=True).begin()
    assert (copy / "config.json").is_file()


@pytest.mark.parametrize("path", ["/proc/run", "/dev/null/run"])
def test_run_that_cannot_be_written(corpus, path):
    with pytest.raises(InputError) as caught:
        start(path, corpus).begin()
    one_line(caught, path, "no run can be written")


def test_an_empty_folder_is_taken(corpus, tmp_path):
    (tmp_path / "run").mkdir()
    start(tmp_path / "run", corpus).begin()
    assert (tmp_path / "run" / "config.json").is_file()


def test_bundle_opens_wherever_it_is_moved(copy, tmp_path, monkeypatch, transformer):
    (tmp_path / "other place").mkdir()
    moved = shutil.move(copy, tmp_path / "other place" / "mein Modell ü")
    monkeypatch.chdir(tmp_path / "other place")
    logits = open_run("mein Modell ü").load_model().predict_on_batch(ROWS)
    np.testing.assert_allclose(logits, transformer[0].predict_on_batch(ROWS), atol=1e-6)
    assert str(transformer[1].path) not in (moved / "config.json").read_text()


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


def test_split_of_a_prepared_corpus(transformer, corpus):
    _, run = transformer
    for name in ("train", "validation", "test"):
        found, split = open_evaluation_split(corpus.path, name, run.tokenizer(), run.config.labels, COLUMNS)
        assert found == name
        assert list(split.texts()) == list(corpus.splits[name].texts())
    assert open_evaluation_split(corpus.path, None, run.tokenizer(), run.config.labels, COLUMNS)[0] == "test"


def test_corpus_of_another_model_is_refused(transformer, tmp_path):
    _, run = transformer
    larger = Tokenizer([*TOKENIZER.vocabulary, "more"])
    prepare_corpus(reviews(60), tmp_path / "words", larger, source="films.csv", quiet=True)
    with pytest.raises(InputError) as caught:
        open_evaluation_split(tmp_path / "words", None, run.tokenizer(), run.config.labels, COLUMNS)
    one_line(caught, tmp_path / "words", "vocabulary", "films.csv")
    named = [review._replace(label={"pos": "joy", "neg": "fear"}[review.label]) for review in reviews(60)]
    prepare_corpus(named, tmp_path / "labels", TOKENIZER, quiet=True)
    with pytest.raises(InputError) as caught:
        open_evaluation_split(tmp_path / "labels", None, run.tokenizer(), run.config.labels, COLUMNS)
    one_line(caught, tmp_path / "labels", "fear, joy", "negative, positive")


def test_source_is_read_for_the_model(transformer, tmp_path):
    _, run = transformer
    file = tmp_path / "films.csv"
    file.write_text("review,stars\na <b>GOOD</b> film,pos\nvery dull,0\n")
    name, split = open_evaluation_split(
        file, None, run.tokenizer(), run.config.labels, PrepareConfig("review", "stars")
    )
    assert name == "all"
    assert list(split.texts()) == ["a GOOD film", "very dull"]
    assert split.labels.tolist() == [1, 0]
    assert split.ids_of(0).tolist() == TOKENIZER.encode(["a good film"])[0].tolist()
    with pytest.raises(InputError) as caught:
        open_evaluation_split(
            file, "test", run.tokenizer(), run.config.labels, PrepareConfig("review", "stars")
        )
    one_line(caught, file, "no test part")
    file.write_text("text,label\na good film,pos\nvery dull,joy\n")
    with pytest.raises(InputError) as caught:
        open_evaluation_split(file, None, run.tokenizer(), run.config.labels, COLUMNS)
    one_line(caught, "films.csv:3", "joy", "negative, positive")


def test_test_part_of_a_source_comes_first(transformer, tmp_path):
    _, run = transformer
    for part, word in (("train", "good"), ("test", "fine")):
        for label in ("neg", "pos"):
            folder = tmp_path / "aclImdb" / part / label
            folder.mkdir(parents=True)
            (folder / "0_1.txt").write_text(f"{word} film")
    for asked, found, word in ((None, "test", "fine"), ("train", "train", "good")):
        name, split = open_evaluation_split(
            tmp_path / "aclImdb", asked, run.tokenizer(), run.config.labels, COLUMNS
        )
        assert (name, list(split.texts())) == (found, [f"{word} film"] * 2)
    with pytest.raises(InputError, match="no validation part"):
        open_evaluation_split(tmp_path / "aclImdb", "validation", run.tokenizer(), run.config.labels, COLUMNS)


def test_metrics_are_kept_by_split_and_fingerprint(copy, corpus):
    run = open_run(copy)
    split = corpus.splits["test"]
    assert split.fingerprint == corpus.info["splits"]["test"]["fingerprint"]
    run.record_metrics("test", split.fingerprint, {"accuracy": 0.5})
    run.record_metrics("test", "other", {"accuracy": 0.6})
    run.record_metrics("validation", "other", {"accuracy": 0.7})
    run.record_metrics("test", "other", {"accuracy": 0.8})
    assert json.loads((copy / "metrics.json").read_text()) == {
        "test": {split.fingerprint: {"accuracy": 0.5}, "other": {"accuracy": 0.8}},
        "validation": {"other": {"accuracy": 0.7}},
    }
    # A run that was evaluated is still a run.
    start(copy, corpus, overwrite=True)


def test_damaged_metrics_say_so(copy):
    (copy / "metrics.json").write_text('{"test": {')
    with pytest.raises(InputError) as caught:
        open_run(copy).record_metrics("test", "other", {})
    one_line(caught, copy / "metrics.json")


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
