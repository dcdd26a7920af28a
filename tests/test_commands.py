"""The commands as a user meets them: what they print where, their exit status, and the whole path."""

import csv
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

import keras_sentiment
from helpers.tiny import TOKENIZER, reviews
from keras_sentiment.config import DEFAULT_SEED, InputConfig
from keras_sentiment.data.chunks import CHUNK_REVIEWS
from keras_sentiment.data.corpus import open_corpus
from keras_sentiment.evaluation.perturbations import perturb
from keras_sentiment.inference.artifact import GRAPH_FILES, Artifact
from keras_sentiment.scripts import command_line
from keras_sentiment.scripts.command_line import COMMANDS, commands
from keras_sentiment.text.cleaning import CLEANING_VERSION
from keras_sentiment.text.tokenizer import Tokenizer

SCRIPTS = Path(__file__).parent.parent / "scripts"
SHARED = ["--overwrite", "--quiet", "--version"]
PRETRAINING = [
    "--epochs",
    "--learning-rate",
    "--precision",
    "--seed",
    "--set",
    "--limit",
    "--resume",
    "--checkpoint-steps",
    "--max-to-keep",
    *SHARED,
]
TRAINING = ["--recipe", "--threshold-for", "--class-weight", "--teacher", *PRETRAINING]
OPTIONS = {
    "prepare": [
        *["--tokenizer", "--vocabulary-size", "--unlabelled", "--text-column", "--label-column"],
        *["--group-column", "--seed", *SHARED],
    ],
    "pretrain": PRETRAINING,
    "train-transformer": [*TRAINING, "--pretrained"],
    "train-bert": [*TRAINING, "--preset", "--trainable-blocks", "--cache-frozen", "--cache-dir"],
    "compare": ["--seeds", "--quiet", "--version"],
    "benchmark": ["--task", "--backend", "--reviews", "--rounds", "--json", "--quiet", "--version"],
    "evaluate": [
        "--split",
        "--against",
        "--perturb",
        "--json",
        "--text-column",
        "--label-column",
        "--quiet",
        "--version",
    ],
    "predict": [
        *["--input", "--input-format", "--text-column", "--on-error", "--output", "--engine", "--workers"],
        *["--explain", *SHARED],
    ],
    "export": ["--format", "--quantize", "--data", "--force", *SHARED],
    "serve": [
        *["--host", "--port", "--max-body-bytes", "--max-texts", "--max-waiting", "--timeout-seconds"],
        *["--log-texts", "--quiet", "--version"],
    ],
    "demo": SHARED,
}
# What the contract promises of `evaluate --json`.
FIELDS = {"examples", "accuracy", "loss", "f1", "roc_auc", "ece", "brier", "confusion", "accuracy_ci95"}
FIELDS |= {"intervals", "f1_per_class"}
NAMES = {"config.json", "history.csv", "tokenizer", "checksums.json", "model.keras"}
SMALL = ["--sequence-length", "32", "--precision", "float32", "--learning-rate", "0.01"]
SMALL += ["--set", "ngram_buckets=4096", "--set", "ngram_weight=0.2"]
ENTRY = "from keras_sentiment.scripts.command_line import main; main()"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A table of reviews, and the vocabulary that it is made of."""
    folder = tmp_path_factory.mktemp("commands")
    TOKENIZER.save(folder / "words")
    with (folder / "films.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *((r.text, r.label) for r in reviews(120))])
    return folder


@pytest.fixture(scope="module")
def path(folder):
    """The folder after prepare and train-transformer."""
    runner = CliRunner()
    for arguments in (
        ["prepare", "films.csv", "data", "--tokenizer", "words", "--quiet"],
        ["train-transformer", "data", "run", "--epochs", "3", *SMALL],
    ):
        places = [str(folder / a) if a in ("films.csv", "data", "words", "run") else a for a in arguments]
        result = runner.invoke(commands, places, catch_exceptions=False)
        assert result.exit_code == 0, result.output
    return folder


def mistake(result, *expected):
    status, out, error = result
    assert status == 2
    assert out == ""
    assert error.count("\n") == 1
    for text in expected:
        assert str(text) in error


def test_evaluate_prints_one_object(cli, path):
    status, out, _ = cli("evaluate", path / "run", path / "data", "--json", "--quiet")
    assert status == 0
    assert out.count("\n") == 1
    found = json.loads(out)
    assert set(found) >= FIELDS
    corpus = open_corpus(path / "data")
    split = corpus.splits["test"]
    assert found["split"] == "test"
    assert found["examples"] == len(split) == sum(map(sum, found["confusion"]))
    recorded = json.loads((path / "run" / "metrics.json").read_text())
    assert recorded["test"][split.fingerprint] == found

    # Text for text, what `predict` says of the same reviews.
    status, out, _ = cli("predict", path / "run", *split.texts())
    assert status == 0
    labels = [json.loads(line)["label"] for line in out.splitlines()]
    right = [label == corpus.labels[i] for label, i in zip(labels, split.labels, strict=True)]
    assert sum(right) / len(right) == pytest.approx(found["accuracy"])

    status, out, _ = cli("evaluate", path / "run", path / "data", "--split", "validation", "--quiet")
    assert status == 0
    assert "12 reviews (validation)" in out
    status, out, _ = cli("evaluate", path / "run", path / "films.csv", "--json", "--quiet")
    assert json.loads(out)["examples"] == 120
    assert set(json.loads((path / "run" / "metrics.json").read_text())) == {"test", "validation", "all"}
    names = {item.name for item in (path / "run").iterdir()}
    assert names == {*NAMES, "metrics.json", "report.html", "README.md"}
    assert "120 reviews of" in (path / "run" / "report.html").read_text()


def test_evaluate_compares_two_models(cli, path, tmp_path):
    # One that reads other words, and fewer of them.
    tokens = [*TOKENIZER.vocabulary[:-1], "more", TOKENIZER.vocabulary[-1]]
    Tokenizer(tokens).save(tmp_path / "words")
    assert cli("prepare", path / "films.csv", tmp_path / "data", "--tokenizer", tmp_path / "words")[0] == 0
    options = ["--epochs", "1", "--limit", "20", *SMALL, "--quiet"]
    assert cli("train-transformer", tmp_path / "data", tmp_path / "run", *options)[0] == 0
    arguments = ["--against", tmp_path / "run", "--split", "train", "--quiet"]
    status, out, _ = cli("evaluate", path / "run", path / "data", *arguments, "--json")
    assert status == 0
    metrics = json.loads(out)
    found = metrics["against"]
    split = open_corpus(path / "data").splits["train"]
    right = []
    for folder in (path / "run", tmp_path / "run"):
        results = keras_sentiment.load(folder).predict(list(split.texts()))
        right.append([r["label"] == record.label for r, record in zip(results, split.records(), strict=True)])
    ours, theirs = map(sum, right)
    assert metrics["accuracy"] == pytest.approx(ours / len(split))
    assert found["accuracy"] == pytest.approx(theirs / len(split))
    assert found["only_ours_right"] == sum(a and not b for a, b in zip(*right, strict=True))
    assert found["only_ours_right"] - found["only_theirs_right"] == ours - theirs
    low, high = found["difference_ci95"]
    assert low <= found["difference"] <= high
    assert "Against" in (path / "run" / "report.html").read_text()

    status, out, _ = cli("evaluate", path / "run", path / "data", "--against", path / "run", "--quiet")
    assert status == 0
    assert "difference        +0.0000  (+0.0000 to +0.0000, paired)" in out
    assert "McNemar's exact p = 1" in out

    config = json.loads((tmp_path / "run" / "config.json").read_text())
    (tmp_path / "run" / "config.json").write_text(json.dumps({**config, "labels": ["fear", "joy"]}))
    mistake(cli("evaluate", path / "run", path / "data", *arguments), tmp_path / "run", "labels")
    mistake(cli("evaluate", path / "run", path / "data", "--against", tmp_path), tmp_path, "train")


def test_threshold_is_chosen_for_what_the_option_says(cli, path, tmp_path):
    arguments = ["train-transformer", path / "data", tmp_path / "run", "--epochs", "1", *SMALL, "--quiet"]
    mistake(cli(*arguments, "--threshold-for", "recall"), "f1 or precision=P", "recall")
    assert not (tmp_path / "run").exists()
    assert cli(*arguments, "--threshold-for", "f1")[0] == 0
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert 0 < config["threshold"] < 1
    status, out, _ = cli("evaluate", tmp_path / "run", path / "data", "--quiet")
    assert status == 0
    assert f"positive from {config['threshold']:.4f} on" in out
    for text in ("good " * 9, "bad " * 9, "a film"):
        _, out, _ = cli("predict", tmp_path / "run", text)
        result = json.loads(out)
        above = result["probabilities"]["positive"] >= config["threshold"]
        assert (result["label"] == "positive") is above


def test_evaluate_counts_the_labels_that_a_perturbation_flips(cli, path):
    arguments = ("evaluate", path / "run", path / "data", "--perturb")
    status, out, _ = cli(*arguments, "--json", "--quiet")
    assert status == 0
    metrics = json.loads(out)
    split = open_corpus(path / "data").splits["test"]
    model = keras_sentiment.load(path / "run")
    texts = list(split.texts())
    before = [result["label"] for result in model.predict(texts)]
    for name, found in metrics["perturbed"].items():
        after = [result["label"] for result in model.predict(perturb(texts, name, DEFAULT_SEED))]
        assert found["flipped"] == sum(a != b for a, b in zip(before, after, strict=True))
        assert found["flipped_share"] == pytest.approx(found["flipped"] / len(split))
    # Tags are cleaned away, and nothing else is changed by them.
    unchanged = {"accuracy": metrics["accuracy"], "flipped": 0, "flipped_share": 0}
    assert metrics["perturbed"]["markup"] == unchanged
    assert "Does it keep its label?" in (path / "run" / "report.html").read_text()
    assert "with typos" in cli(*arguments, "--quiet")[1]


def test_predict_prints_a_line_a_text_in_order(cli, path):
    texts = ["good " * 30, "bad", "the  film\nis <b>good</b>", ""]
    status, out, error = cli("predict", path / "run", *texts)
    assert (status, error) == (0, "")
    lines = [json.loads(line) for line in out.splitlines()]
    expected = keras_sentiment.load(path / "run").predict(texts)
    assert len(lines) == len(texts)
    for line, result in zip(lines, expected, strict=True):
        assert line["label"] == result["label"]
        assert line["probability"] == pytest.approx(result["probability"])
        assert line["probabilities"] == pytest.approx(result["probabilities"])


def test_predict_names_the_words_that_carry_a_label(cli, path, tmp_path):
    """The made-up reviews are positive by the word `good` and nothing else, at half of their words.

    A text with fewer is none that the model has seen: which of its words weighs most is then an accident.
    """
    text = "the good good film"
    status, out, _ = cli("predict", path / "run", text, "--explain", "--quiet")
    assert status == 0
    found = json.loads(out)
    (plain,) = map(json.loads, cli("predict", path / "run", text, "--quiet")[1].splitlines())
    assert (found["label"], found["truncated"]) == (plain["label"], plain["truncated"])
    # In other company, and so with other last bits.
    assert found["probabilities"] == pytest.approx(plain["probabilities"], abs=1e-5)
    assert [text[word["start"] : word["end"]] for word in found["words"]] == text.split()
    towards = 1 if found["label"] == "positive" else -1
    assert max(found["words"], key=lambda word: towards * word["contribution"])["text"] == "good"
    (tmp_path / "a.txt").write_text("good\n")
    mistake(cli("predict", path / "run", "--input", tmp_path / "a.txt", "--explain"), "--explain is for TEXT")


def test_predict_answers_the_rows_of_a_file(cli, path, tmp_path):
    """Under the numbers of their lines, in the same figures to a file and to standard output."""
    with (path / "films.csv").open(newline="") as file:
        expected = keras_sentiment.load(path / "run").predict([row["text"] for row in csv.DictReader(file)])
    arguments = ["predict", path / "run", "--input", path / "films.csv"]
    status, out, error = cli(*arguments)
    assert (status, error) == (0, "")
    printed = [json.loads(line) for line in out.splitlines()]
    assert [result["row"] for result in printed] == list(range(2, 122))
    assert [result["label"] for result in printed] == [result["label"] for result in expected]
    for result, other in zip(printed, expected, strict=True):
        assert result["probabilities"] == pytest.approx(other["probabilities"], abs=1e-5)

    new = tmp_path / "new.csv"
    assert cli(*arguments, "--output", new) == (0, "", "")
    table = list(csv.DictReader(new.read_text().splitlines()))
    assert [(int(row["row"]), row["label"]) for row in table] == [(r["row"], r["label"]) for r in printed]
    for row, result in zip(table, printed, strict=True):
        assert float(row["probability_positive"]) == pytest.approx(result["probabilities"]["positive"])
    mistake(cli(*arguments, "--output", new), new, "--overwrite")
    assert cli(*arguments, "--output", new, "--overwrite")[0] == 0
    assert list(tmp_path.iterdir()) == [new]


def test_predict_reads_standard_input(cli, path, tmp_path, monkeypatch):
    (tmp_path / "texts").write_text("a good film\n\nbad")
    with (tmp_path / "texts").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        status, out, _ = cli("predict", path / "run", "--input", "-", "--output", "-")
    assert status == 0
    found = [json.loads(line) for line in out.splitlines()]
    expected = keras_sentiment.load(path / "run").predict(["a good film", "", "bad"])
    assert [result["label"] for result in found] == [result["label"] for result in expected]
    assert [result["row"] for result in found] == [1, 2, 3]

    (tmp_path / "table").write_text("review\tid\na good film\t1\n")
    with (tmp_path / "table").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        options = ["--input-format", "tsv", "--text-column", "review"]
        status, out, _ = cli("predict", path / "run", "--input", "-", *options)
    assert status == 0
    assert json.loads(out)["label"] == found[0]["label"]


def test_predict_stops_at_a_bad_row_or_skips_it(cli, path, tmp_path):
    texts, new = tmp_path / "texts.jsonl", tmp_path / "new.jsonl"
    texts.write_text('{"text": "good"}\n' + "no\n" * 30 + '{"text": "bad"}\n')
    arguments = ["predict", path / "run", "--input", texts, "--output", new]
    mistake(cli(*arguments), "texts.jsonl:2: not JSON", "write one object a line")
    assert list(tmp_path.iterdir()) == [texts]
    status, out, error = cli(*arguments, "--on-error", "skip")
    assert (status, out) == (0, "")
    assert [json.loads(line)["row"] for line in new.read_text().splitlines()] == [1, 32]
    for number in range(2, 32):
        assert (f"texts.jsonl:{number}: not JSON" in error) is (number < 22)
    assert error.endswith("Rows skipped: 30\n")


def test_ctrl_c_in_predicting_is_130_and_no_file(cli, path, tmp_path, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("keras_sentiment.inference.classifier.Classifier.logits", interrupted)
    status, out, error = cli(
        "predict", path / "run", "--input", path / "films.csv", "--output", tmp_path / "new.csv"
    )
    assert (status, out) == (130, "")
    assert "Interrupted." in error
    assert not list(tmp_path.iterdir())


def test_training_says_what_trains_and_what_comes_next(cli, path, tmp_path):
    status, out, error = cli(
        "train-transformer", path / "data", tmp_path / "run", "--epochs", "1", "--limit", "20", *SMALL
    )
    assert (status, out) == (0, "")
    assert "20 reviews" in error
    assert f"keras-sentiment evaluate {tmp_path / 'run'}" in error
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["labels"] == ["negative", "positive"]
    assert config["training"]["epochs"] == 1
    assert config["data"]["trained_reviews"] == 20
    assert config["inputs"]["sequence_length"] == 32
    assert config["data"]["fingerprint"] == open_corpus(path / "data").info["fingerprint"]


def test_bert_from_a_preset_folder(cli, path, tmp_path):
    import keras_hub

    preset = tmp_path / "preset"
    backbone = keras_hub.models.BertBackbone(TOKENIZER.vocabulary_size, 2, 2, 8, 16, max_sequence_length=32)
    backbone.save_to_preset(str(preset))
    # As KerasHub writes it, with strip_accents=False, which its layer has by default.
    keras_hub.tokenizers.BertTokenizer(list(TOKENIZER.vocabulary), lowercase=True).save_to_preset(str(preset))
    arguments = ["train-bert", path / "data", tmp_path / "run", "--preset", preset, "--epochs", "1", *SMALL]
    mistake(cli(*arguments, "--trainable-blocks", "3"), "trainable_blocks must be at most 2")
    mistake(cli(*arguments, "--sequence-length", "33"), "sequence_length must be at most 32")
    assert not (tmp_path / "run").exists()
    status, out, error = cli(*arguments, "--trainable-blocks", "1", "--limit", "20")
    assert (status, out) == (0, "")
    assert "bert: " in error
    status, out, _ = cli("predict", tmp_path / "run", "a good film")
    assert status == 0
    assert set(json.loads(out)["probabilities"]) == {"negative", "positive"}

    # The frozen part computed once, and found again.
    cache = ["--overwrite", "--trainable-blocks", "1", "--limit", "20", "--cache-dir", tmp_path / "cache"]
    mistake(cli(*arguments, *cache), "--cache-dir is for --cache-frozen")
    status, _, error = cli(*arguments, *cache, "--cache-frozen")
    assert status == 0
    assert "Hidden states of the frozen part" in error
    files = {file: file.stat().st_mtime_ns for file in (tmp_path / "cache").iterdir()}
    assert len(files) == 2
    assert cli(*arguments, *cache, "--cache-frozen")[0] == 0
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "cache").iterdir()} == files
    assert cli("predict", tmp_path / "run", "a good film")[0] == 0

    # Another vocabulary is refused with the command to run.
    (preset / "assets" / "tokenizer" / "vocabulary.txt").write_text(
        "\n".join([*TOKENIZER.vocabulary[:-1], "other"]) + "\n"
    )
    mistake(
        cli(*arguments, "--overwrite"),
        path / "data",
        f"keras-sentiment prepare {path / 'films.csv'} NEW_DATA_DIR --tokenizer {preset}",
    )
    assert (tmp_path / "run" / "model.keras").is_file()


def test_taken_and_missing_folders(cli, path, tmp_path):
    before = {file: file.stat().st_mtime_ns for file in path.rglob("*")}
    mistake(cli("train-transformer", path / "data", path / "run", *SMALL), path / "run", "--overwrite")
    mistake(cli("train-transformer", path / "data", path / "data", *SMALL, "--overwrite"), path / "data")
    mistake(
        cli("train-transformer", tmp_path / "none", tmp_path / "run", *SMALL), tmp_path / "none", "prepare"
    )
    taught = ["--teacher", path / "run", "--teacher", tmp_path / "none"]
    mistake(cli("train-transformer", path / "data", tmp_path / "run", *taught), path / "data", "--unlabelled")
    assert not (tmp_path / "run").exists()
    mistake(cli("evaluate", tmp_path / "none", path / "data"), tmp_path / "none", "train")
    mistake(cli("evaluate", path / "run", tmp_path / "none"), tmp_path / "none")
    mistake(cli("predict", tmp_path / "none", "a film"), tmp_path / "none")
    mistake(cli("prepare", path / "films.csv", path / "data", "--tokenizer", path / "words"), "--overwrite")
    assert {file: file.stat().st_mtime_ns for file in path.rglob("*")} == before
    assert not list(tmp_path.iterdir())


def test_benchmark_wants_the_vocabulary_of_its_weights(cli, path, tmp_path):
    mistake(cli("benchmark", path / "data"), path / "data", "prepare it with --tokenizer minilm")
    mistake(cli("benchmark", tmp_path / "none"), tmp_path / "none", "prepare")


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ("accelerate", 'pip install "keras-sentiment[benchmark]"'),
        ("jax", 'pip install "keras-sentiment[jax]"'),
    ],
)
def test_benchmark_wants_what_it_times(cli, path, monkeypatch, missing, expected):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else find(name))
    mistake(cli("benchmark", path / "data", "--backend", "jax"), expected)


def test_bundle_of_a_later_version(cli, path, tmp_path):
    copy = shutil.copytree(path / "run", tmp_path / "run")
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "format_version": 99}))
    mistake(cli("evaluate", copy, path / "data"), copy, "99", "update keras-sentiment")
    mistake(cli("predict", copy, "a film"), copy, "99", "update keras-sentiment")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["train-transformer", "data", "new", "--precision", "float8"], "float8"),
        (["train-transformer", "data", "new", "--epochs", "many"], "many"),
        (["train-transformer", "data", "new", "--epochs", "0"], "epochs=0"),
        (["train-transformer", "data", "new", "--learning-rate", "-1"], "learning_rate=-1.0"),
        (["train-transformer", "data", "new", "--sequence-length", "2"], "sequence_length=2"),
        (["train-transformer", "data", "new", "--limit", "0"], "--limit"),
        (["train-transformer", "data", "new", "--seed", "-1"], "seed=-1"),
        (["train-transformer", "data", "new", "--set", "epoch=2"], "named epoch"),
        (["train-transformer", "data", "new", "--set", "epochs=two"], "epochs must be of type int"),
        (["train-transformer", "data", "new", "--set", "epochs"], "'epochs' is not NAME=VALUE"),
        (["pretrain", "data", "new", "--set", "mask_rate=1"], "mask_rate=1"),
        (["pretrain", "data", "new", "--recipe", "reference"], "--recipe"),
        (["train-transformer", "data", "new", "--pretrained", "run"], "no pretrained encoder"),
        (["prepare", "films.csv", "new", "--tokenizer", "words", "--unlabelled", "none"], "none: no such"),
        (["prepare", "films.csv", "new", "--tokenizer", "learn", "--vocabulary-size", "6"], "=6"),
        (["train-bert", "data", "new", "--trainable-blocks", "some"], "some"),
        (["compare", "data", "new", "no.toml"], "no.toml: it can't be read"),
        (["train-bert", "data", "new", "--trainable-blocks", "-1"], "-1"),
        (["train-bert", "data", "new", "--preset", "no/such/folder"], "no/such/folder"),
        (["evaluate", "run", "data", "--split", "dev"], "dev"),
        (["evaluate", "run"], "DATA"),
        (["predict", "run"], "TEXT"),
        (["predict", "run", "a film", "--input", "films.csv"], "either TEXT or --input"),
        (["predict", "run", "a film", "--output", "new"], "--output is for --input"),
        (["predict", "run", "a film", "--text-column", "text"], "--text-column is for --input"),
        (["predict", "run", "--input", "no.csv"], "no.csv: can't be read"),
        (["predict", "run", "--input", "words", "--input-format", "txt"], "words: can't be read"),
        (["predict", "run", "--input", "films.xlsx"], "--input-format which of txt, csv"),
        (["predict", "run", "--input", "-", "--input-format", "parquet"], "give --input the file"),
        (["predict", "run", "--input", "films.csv", "--output", "new"], "end its name in .jsonl or .csv"),
        (["predict", "run", "--input", "films.csv", "--output", "words/../films.csv", "--overwrite"], "read"),
        (["predict", "run", "--input", "films.csv", "--text-column", "review"], "--text-column"),
        (["predict", "run", "--colour", "a film"], "--colour"),
        (["traing", "data", "new"], "traing"),
    ],
)
def test_bad_argument_is_one_line(cli, path, monkeypatch, arguments, expected):
    monkeypatch.chdir(path)
    mistake(cli(*arguments), expected)
    assert not (path / "new").exists()


def test_unknown_and_missing_backend(cli, path, tmp_path, monkeypatch):
    trained = ["train-transformer", path / "data", tmp_path / "run"]
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    for arguments in (trained, ["evaluate", path / "run", path / "data"], ["predict", path / "run", "a"]):
        mistake(cli(*arguments), "torch, jax, tensorflow", "KERAS_BACKEND=theano")
    monkeypatch.setattr(command_line.importlib.util, "find_spec", lambda name: None)
    for backend, fix in (("jax", 'pip install "keras-sentiment[jax]"'), ("torch", "pip install torch")):
        monkeypatch.setenv("KERAS_BACKEND", backend)
        mistake(cli(*trained), f"KERAS_BACKEND={backend} is not installed", fix)
    assert not (tmp_path / "run").exists()


def test_ctrl_c_in_training_is_130_and_no_model(cli, path, tmp_path, monkeypatch):
    import keras

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(keras.Model, "fit", interrupted)
    status, out, error = cli("train-transformer", path / "data", tmp_path / "run", *SMALL)
    assert (status, out) == (130, "")
    assert "Interrupted." in error
    assert "Traceback" not in error
    assert (tmp_path / "run" / "config.json").is_file()
    assert not (tmp_path / "run" / "model.keras").exists()

    monkeypatch.undo()
    again = "train-transformer", path / "data", tmp_path / "run", *SMALL
    mistake(cli(*again), "--resume")
    mistake(cli(*again, "--resume", "--seed", "7"), "seed 1337, not 7")
    assert cli(*again, "--resume", "--max-to-keep", "1")[:2] == (0, "")
    assert (tmp_path / "run" / "model.keras").is_file()
    status, _, error = cli(*again, "--resume")
    assert (status, error) == (0, f"{tmp_path / 'run'} is complete.\n")


def test_what_was_not_foreseen_keeps_its_traceback(cli, path, tmp_path, monkeypatch):
    import keras

    def broken(*args, **kwargs):
        raise RuntimeError("a bug")

    monkeypatch.setattr(keras.Model, "fit", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        cli("train-transformer", path / "data", tmp_path / "run", *SMALL)


def python(*arguments, **environment):
    return subprocess.cli(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.once
def test_help_lists_every_option_and_imports_nothing_heavy():
    code = (
        "import sys; from keras_sentiment.scripts.command_line import commands\n"
        f"for name in {['', *COMMANDS]!r}:\n"
        "    try: commands([*name.split(), '--help'], prog_name='keras-sentiment')\n"
        "    except SystemExit as stop: assert stop.code == 0\n"
        "    print('=====')\n"
        "heavy = {'keras', 'keras_hub', 'torch', 'tensorflow', 'jax', 'numpy', 'sklearn', 'tokenizers'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    result = python("-c", code)
    assert result.returncode == 0, result.stderr
    pages = dict(zip(["", *COMMANDS], result.stdout.split("=====\n"), strict=False))
    assert set(OPTIONS) == set(COMMANDS)
    for name, options in OPTIONS.items():
        assert name in pages[""]
        missing = [option for option in options if option not in pages[name]]
        assert not missing, name


@pytest.mark.once
def test_script_and_command_are_the_same():
    installed = python("-c", ENTRY, "train-transformer", "--help").stdout.splitlines()
    script = python(SCRIPTS / "train_transformer.py", "--help").stdout.splitlines()
    assert "--learning-rate" in "".join(script)
    assert script[1:] == installed[1:]
    assert script[0].startswith("Usage: train_transformer.py")
    version = python(SCRIPTS / "predict_texts.py", "--version").stdout
    assert keras_sentiment.__version__ in version
    assert keras_sentiment.__version__ in python("-c", ENTRY, "--version").stdout


@pytest.mark.once
def test_mistake_as_the_shell_sees_it(tmp_path):
    result = python(SCRIPTS / "train_transformer.py", tmp_path, tmp_path, KERAS_BACKEND="theano")
    mistake((result.returncode, result.stdout, result.stderr), "KERAS_BACKEND=theano")


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    """An artifact without its graph, and the program that predicts with it where there is no Keras."""
    folder = tmp_path_factory.mktemp("artifact")
    TOKENIZER.save(folder / "tokenizer")
    (folder / GRAPH_FILES["onnx"]).touch()
    labels, inputs = ("negative", "positive"), InputConfig(sequence_length=32)
    Artifact(folder, "onnx", "tiny", labels, inputs, CLEANING_VERSION, 1.0, None).write()
    program = (
        "import sys\n"
        "heavy = ['keras', 'keras_hub', 'torch', 'tensorflow', 'tensorflow_text', 'jax']\n"
        "sys.modules.update(dict.fromkeys(heavy))\n"
        "from keras_sentiment.inference import classifier\n"
        "class Engine:\n"
        "    compiles = False\n"
        "    def __call__(self, rows): return rows['padding_mask'][:, :2].astype('float32')\n"
        "classifier.open_engine = lambda artifact: Engine()\n"
    )
    return folder, program + ENTRY


@pytest.mark.once
def test_an_artifact_needs_no_keras(artifact, tmp_path):
    folder, program = artifact
    (tmp_path / "texts.txt").write_text("good\nbad\n")
    for arguments in (["good", "bad"], ["--input", tmp_path / "texts.txt"]):
        result = python("-c", program, "predict", folder, *arguments, KERAS_BACKEND="theano")
        assert (result.returncode, result.stderr) == (0, "")
        assert [json.loads(line)["probability"] for line in result.stdout.splitlines()] == [0.5, 0.5]


@pytest.mark.once
def test_a_reader_that_has_enough_ends_it_quietly(artifact, tmp_path):
    """As `predict … | head` does."""
    folder, program = artifact
    (tmp_path / "texts.txt").write_text("good\n" * 10_000)
    arguments = [sys.executable, "-c", program, "predict", folder, "--input", tmp_path / "texts.txt"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert json.loads(process.stdout.readline())["row"] == 1
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=60) == 141


@pytest.mark.once
def test_standard_input_is_answered_while_it_is_open(artifact):
    folder, program = artifact
    arguments = [sys.executable, "-c", program, "predict", folder, "--input", "-"]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        process.stdin.write("good\n" * (CHUNK_REVIEWS + 1))
        process.stdin.flush()
        for number in range(1, CHUNK_REVIEWS + 1):
            assert json.loads(process.stdout.readline())["row"] == number
        process.stdin.close()
        assert json.loads(process.stdout.read())["row"] == CHUNK_REVIEWS + 1
    assert process.returncode == 0


def test_standard_output_holds_results_alone(path):
    """Not even what Keras and its backend write when they are imported."""
    result = python("-c", ENTRY, "evaluate", path / "run", path / "data", "--json")
    assert result.returncode == 0, result.stderr
    assert set(json.loads(result.stdout)) >= FIELDS
    assert result.stdout.count("\n") == 1


@pytest.mark.once
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_middle_of_training(path, tmp_path, number):
    arguments = ["train-transformer", path / "data", tmp_path / "run", "--epochs", "100000", *SMALL]
    process = subprocess.Popen(
        [sys.executable, "-c", ENTRY, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A parent that ignores Ctrl-C, as a background shell does, would hand that down.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    history = tmp_path / "run" / "history.csv"
    deadline = time.monotonic() + 120
    while not history.exists() or history.read_text().count("\n") < 3:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(number)
    out, error = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert out == ""
    assert "Traceback" not in error
    assert error.rstrip().endswith("Go on with the same command and --resume.")
    assert list((tmp_path / "run" / "checkpoints").glob("step-*.npz"))
    assert not (tmp_path / "run" / "model.keras").exists()
