"""A run on disk: what is none or damaged is named; its metrics are kept."""

import json
import os
import shutil
import zipfile

import pytest

from helpers.saved_runs import one_line, sign, start
from keras_sentiment.errors import InputError
from keras_sentiment.runs.metrics_file import record_metrics
from keras_sentiment.runs.run import open_run
from keras_sentiment.storage.checksums import sha256

pytestmark = pytest.mark.once


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
        (
            rewrite(format_version=5),
            "its format version is 5, and this program reads version 4; update keras-sentiment",
        ),
        (
            rewrite(format_version=1),
            "its format version is 1, and this program reads version 4; train one with",
        ),
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
        (rewrite(precision=3), "precision"),
        (rewrite(architecture=None), "architecture"),
        (rewrite(architecture={"vocabulary_size": 10**9}), "vocabulary_size"),
        (rewrite(model={"num_layers": 10**9}), "num_layers"),
        (
            rewrite(model={"num_heads": 64, "hidden_dim": 64}, inputs={"sequence_length": 8192}),
            "at most 4,096",
        ),
        (rewrite(model={"activation": "keras_hub>gelu_approximate"}), "activation"),
        (rewrite(versions={"keras": 3}), "versions"),
        (rewrite(kind="lstm"), "lstm"),
        (rewrite(temperature=0), "temperature"),
        (rewrite(threshold=2), "threshold"),
        (rewrite(model={"num_heads": 3, "hidden_dim": 8}), "num_heads"),
        (rewrite(novelty=1), "novelty"),
        (rewrite(**{"two\nlines": 1}), "two"),
    ],
)
def test_what_is_no_run_is_named(copy, damage, expected):
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
        leave_out("model.weights.h5"),
    ],
    ids=["truncated", "flipped", "empty", "no weights"],
)
@pytest.mark.parametrize("checksums", [True, False])
def test_damaged_model_says_so(copy, damage, checksums):
    damage(copy / "model.keras")
    if not checksums:  # as of somebody who damaged it with care
        sign(copy)
    with pytest.raises(InputError) as caught:
        open_run(copy).load_model()
    one_line(caught, copy / "model.keras", "train again")


def test_lost_tokenizer_says_so(copy):
    shutil.rmtree(copy / "tokenizer")
    with pytest.raises(InputError) as caught:
        open_run(copy).tokenizer()
    one_line(caught, copy / "tokenizer")


def test_metrics_are_kept_by_split_and_fingerprint(copy, corpus):
    run = open_run(copy)
    split = corpus.splits["test"]
    assert split.fingerprint == corpus.info["splits"]["test"]["fingerprint"]
    record_metrics(run, "test", split.fingerprint, {"accuracy": 0.5})
    record_metrics(run, "test", "other", {"accuracy": 0.6})
    record_metrics(run, "validation", "other", {"accuracy": 0.7})
    record_metrics(run, "test", "other", {"accuracy": 0.8})
    assert json.loads((copy / "metrics.json").read_text()) == {
        "test": {split.fingerprint: {"accuracy": 0.5}, "other": {"accuracy": 0.8}},
        "validation": {"other": {"accuracy": 0.7}},
    }
    # A run that was evaluated is still a run.
    start(copy, corpus, overwrite=True)


def test_damaged_metrics_say_so(copy):
    (copy / "metrics.json").write_text('{"test": {')
    with pytest.raises(InputError) as caught:
        record_metrics(open_run(copy), "test", "other", {})
    one_line(caught, copy / "metrics.json")


LISTED = ["config.json", "model.keras", "trained_on.npy", "baseline.npz", "tokenizer/vocab.txt"]


@pytest.mark.parametrize("listed", [[], ["model.keras"], LISTED])
def test_a_list_of_other_files_is_refused(copy, listed):
    (copy / "checksums.json").write_text(json.dumps({name: sha256(copy / name) for name in listed}))
    with pytest.raises(InputError) as caught:
        open_run(copy)
    one_line(caught, copy / "checksums.json", "list", "copy it anew from where it came, or train again")


@pytest.mark.parametrize("name", ["assets/tokenizer/vocabulary.txt", "vocabulary.txt"])
def test_a_file_beside_the_tokenizer_is_refused(copy, name):
    """KerasHub's name of a vocabulary stood before ours, and was on no list."""
    file = copy / "tokenizer" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes((copy / "tokenizer" / "vocab.txt").read_bytes())
    with pytest.raises(InputError) as caught:
        open_run(copy)
    one_line(caught, file, "remove it")


NAMES = ["config.json", "checksums.json", "model.keras", "trained_on.npy", "baseline.npz", "tokenizer"]
NAMES += ["tokenizer/vocab.txt", "history.csv", "metrics.json", "report.html", "reports", "README.md"]


@pytest.mark.parametrize("name", [*NAMES, "checkpoints", "previous", "reports/inside"])
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_is_no_regular_file_is_refused(copy, tmp_path, name, kind):
    """Also where a link leads to the very same bytes."""
    file, elsewhere = copy / name, tmp_path / "elsewhere"
    if file.exists():
        file.rename(elsewhere)
    file.parent.mkdir(exist_ok=True)
    os.mkfifo(file) if kind == "pipe" else file.symlink_to(elsewhere)
    with pytest.raises(InputError) as caught:
        open_run(copy)
    one_line(caught, copy)


def test_what_others_put_beside_a_run_is_not_read(copy):
    (copy / "notes").symlink_to("/etc/passwd")
    (copy / "tokenizer" / ".DS_Store").touch()
    (copy / "README.part").symlink_to("/nowhere")
    assert open_run(copy).load_model().count_params()
