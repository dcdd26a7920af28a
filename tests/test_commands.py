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
from tiny import TOKENIZER, reviews

import keras_sentiment
from keras_sentiment.corpus import open_corpus
from keras_sentiment.scripts import command_line
from keras_sentiment.scripts.command_line import COMMANDS, commands

SCRIPTS = Path(__file__).parent.parent / "scripts"
SHARED = ["--overwrite", "--quiet", "--version"]
TRAINING = ["--recipe", "--epochs", "--learning-rate", "--precision", "--seed", "--limit", *SHARED]
OPTIONS = {
    "prepare": ["--tokenizer", "--text-column", "--label-column", "--group-column", "--seed", *SHARED],
    "train-transformer": TRAINING,
    "train-bert": [*TRAINING, "--preset", "--trainable-blocks", "--cache-frozen", "--cache-dir"],
    "benchmark": ["--task", "--backend", "--reviews", "--rounds", "--json", "--quiet", "--version"],
    "evaluate": ["--split", "--json", "--text-column", "--label-column", "--quiet", "--version"],
    "predict": ["--version"],
    "demo": SHARED,
}
# What the contract promises of `evaluate --json`.
FIELDS = {"examples", "accuracy", "loss", "f1", "roc_auc", "ece", "brier", "confusion", "accuracy_ci95"}
SMALL = ["--sequence-length", "32", "--precision", "float32", "--learning-rate", "0.01"]
ENTRY = "from keras_sentiment.scripts.command_line import main; main()"


@pytest.fixture
def run(monkeypatch, capfd):
    """Runs `keras-sentiment` with some arguments; returns its exit status and its two streams."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["keras-sentiment", *map(str, arguments)])
        capfd.readouterr()
        status = 0
        try:
            command_line.main()
        except SystemExit as stop:
            status = stop.code
        return status, *capfd.readouterr()

    return call


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


def test_evaluate_prints_one_object(run, path):
    status, out, _ = run("evaluate", path / "run", path / "data", "--json", "--quiet")
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
    status, out, _ = run("predict", path / "run", *split.texts())
    assert status == 0
    labels = [json.loads(line)["label"] for line in out.splitlines()]
    right = [label == corpus.labels[i] for label, i in zip(labels, split.labels, strict=True)]
    assert sum(right) / len(right) == pytest.approx(found["accuracy"])

    status, out, _ = run("evaluate", path / "run", path / "data", "--split", "validation", "--quiet")
    assert status == 0
    assert "12 reviews (validation)" in out
    status, out, _ = run("evaluate", path / "run", path / "films.csv", "--json", "--quiet")
    assert json.loads(out)["examples"] == 120
    assert set(json.loads((path / "run" / "metrics.json").read_text())) == {"test", "validation", "all"}


def test_predict_prints_a_line_a_text_in_order(run, path):
    texts = ["good " * 30, "bad", "the  film\nis <b>good</b>", ""]
    status, out, error = run("predict", path / "run", *texts)
    assert (status, error) == (0, "")
    lines = [json.loads(line) for line in out.splitlines()]
    expected = keras_sentiment.load(path / "run").predict(texts)
    assert len(lines) == len(texts)
    for line, result in zip(lines, expected, strict=True):
        assert line["label"] == result["label"]
        assert line["probability"] == pytest.approx(result["probability"])
        assert line["probabilities"] == pytest.approx(result["probabilities"])


def test_training_says_what_trains_and_what_comes_next(run, path, tmp_path):
    status, out, error = run(
        "train-transformer", path / "data", tmp_path / "run", "--epochs", "1", "--limit", "20", *SMALL
    )
    assert (status, out) == (0, "")
    assert "20 reviews" in error
    assert f"keras-sentiment evaluate {tmp_path / 'run'}" in error
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["labels"] == ["negative", "positive"]
    assert config["training"]["epochs"] == 1
    assert config["inputs"]["sequence_length"] == 32
    assert config["data"]["fingerprint"] == open_corpus(path / "data").info["fingerprint"]


def test_bert_from_a_preset_folder(run, path, tmp_path):
    import keras_hub

    preset = tmp_path / "preset"
    backbone = keras_hub.models.BertBackbone(TOKENIZER.vocabulary_size, 2, 2, 8, 16, max_sequence_length=32)
    backbone.save_to_preset(str(preset))
    # As KerasHub writes it, with strip_accents=False, which its layer has by default.
    keras_hub.tokenizers.BertTokenizer(list(TOKENIZER.vocabulary), lowercase=True).save_to_preset(str(preset))
    arguments = ["train-bert", path / "data", tmp_path / "run", "--preset", preset, "--epochs", "1", *SMALL]
    mistake(run(*arguments, "--trainable-blocks", "3"), "trainable_blocks must be at most 2")
    mistake(run(*arguments, "--sequence-length", "33"), "sequence_length must be at most 32")
    assert not (tmp_path / "run").exists()
    status, out, error = run(*arguments, "--trainable-blocks", "1", "--limit", "20")
    assert (status, out) == (0, "")
    assert "bert: " in error
    status, out, _ = run("predict", tmp_path / "run", "a good film")
    assert status == 0
    assert set(json.loads(out)["probabilities"]) == {"negative", "positive"}

    # The frozen part computed once, and found again.
    cache = ["--overwrite", "--trainable-blocks", "1", "--limit", "20", "--cache-dir", tmp_path / "cache"]
    mistake(run(*arguments, *cache), "--cache-dir is for --cache-frozen")
    status, _, error = run(*arguments, *cache, "--cache-frozen")
    assert status == 0
    assert "Hidden states of the frozen part" in error
    files = {file: file.stat().st_mtime_ns for file in (tmp_path / "cache").iterdir()}
    assert len(files) == 2
    assert run(*arguments, *cache, "--cache-frozen")[0] == 0
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "cache").iterdir()} == files
    assert run("predict", tmp_path / "run", "a good film")[0] == 0

    # Another vocabulary is refused with the command to run.
    (preset / "assets" / "tokenizer" / "vocabulary.txt").write_text(
        "\n".join([*TOKENIZER.vocabulary[:-1], "other"]) + "\n"
    )
    mistake(
        run(*arguments, "--overwrite"),
        path / "data",
        f"keras-sentiment prepare {path / 'films.csv'} NEW_DATA_DIR --tokenizer {preset}",
    )
    assert (tmp_path / "run" / "model.keras").is_file()


def test_taken_and_missing_folders(run, path, tmp_path):
    before = {file: file.stat().st_mtime_ns for file in path.rglob("*")}
    mistake(run("train-transformer", path / "data", path / "run", *SMALL), path / "run", "--overwrite")
    mistake(run("train-transformer", path / "data", path / "data", *SMALL, "--overwrite"), path / "data")
    mistake(
        run("train-transformer", tmp_path / "none", tmp_path / "run", *SMALL), tmp_path / "none", "prepare"
    )
    mistake(run("evaluate", tmp_path / "none", path / "data"), tmp_path / "none", "train")
    mistake(run("evaluate", path / "run", tmp_path / "none"), tmp_path / "none")
    mistake(run("predict", tmp_path / "none", "a film"), tmp_path / "none")
    mistake(run("prepare", path / "films.csv", path / "data", "--tokenizer", path / "words"), "--overwrite")
    assert {file: file.stat().st_mtime_ns for file in path.rglob("*")} == before
    assert not list(tmp_path.iterdir())


def test_benchmark_wants_the_vocabulary_of_its_weights(run, path, tmp_path):
    mistake(run("benchmark", path / "data"), path / "data", "prepare it with --tokenizer minilm")
    mistake(run("benchmark", tmp_path / "none"), tmp_path / "none", "prepare")


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ("accelerate", 'pip install "keras-sentiment[benchmark]"'),
        ("jax", 'pip install "keras-sentiment[jax]"'),
    ],
)
def test_benchmark_wants_what_it_times(run, path, monkeypatch, missing, expected):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else find(name))
    mistake(run("benchmark", path / "data", "--backend", "jax"), expected)


def test_bundle_of_a_later_version(run, path, tmp_path):
    copy = shutil.copytree(path / "run", tmp_path / "run")
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "format_version": 99}))
    mistake(run("evaluate", copy, path / "data"), copy, "99", "update keras-sentiment")
    mistake(run("predict", copy, "a film"), copy, "99", "update keras-sentiment")


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
        (["train-bert", "data", "new", "--trainable-blocks", "some"], "some"),
        (["train-bert", "data", "new", "--trainable-blocks", "-1"], "-1"),
        (["train-bert", "data", "new", "--preset", "no/such/folder"], "no/such/folder"),
        (["evaluate", "run", "data", "--split", "dev"], "dev"),
        (["evaluate", "run"], "DATA"),
        (["predict", "run"], "TEXT"),
        (["predict", "run", "--colour", "a film"], "--colour"),
        (["traing", "data", "new"], "traing"),
    ],
)
def test_bad_argument_is_one_line(run, path, monkeypatch, arguments, expected):
    monkeypatch.chdir(path)
    mistake(run(*arguments), expected)
    assert not (path / "new").exists()


def test_unknown_and_missing_backend(run, path, tmp_path, monkeypatch):
    trained = ["train-transformer", path / "data", tmp_path / "run"]
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    for arguments in (trained, ["evaluate", path / "run", path / "data"], ["predict", path / "run", "a"]):
        mistake(run(*arguments), "torch, jax, tensorflow", "KERAS_BACKEND=theano")
    monkeypatch.setattr(command_line.importlib.util, "find_spec", lambda name: None)
    for backend, fix in (("jax", 'pip install "keras-sentiment[jax]"'), ("torch", "pip install torch")):
        monkeypatch.setenv("KERAS_BACKEND", backend)
        mistake(run(*trained), f"KERAS_BACKEND={backend} is not installed", fix)
    assert not (tmp_path / "run").exists()


def test_ctrl_c_in_training_is_130_and_no_model(run, path, tmp_path, monkeypatch):
    import keras

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(keras.Model, "fit", interrupted)
    status, out, error = run("train-transformer", path / "data", tmp_path / "run", *SMALL)
    assert (status, out) == (130, "")
    assert "Interrupted." in error
    assert "Traceback" not in error
    assert (tmp_path / "run" / "config.json").is_file()
    assert not (tmp_path / "run" / "model.keras").exists()


def test_what_was_not_foreseen_keeps_its_traceback(run, path, tmp_path, monkeypatch):
    import keras

    def broken(*args, **kwargs):
        raise RuntimeError("a bug")

    monkeypatch.setattr(keras.Model, "fit", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        run("train-transformer", path / "data", tmp_path / "run", *SMALL)


def python(*arguments, **environment):
    return subprocess.run(
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


def test_standard_output_holds_results_alone(path):
    """Not even what Keras and its backend write when they are imported."""
    result = python("-c", ENTRY, "evaluate", path / "run", path / "data", "--json")
    assert result.returncode == 0, result.stderr
    assert set(json.loads(result.stdout)) >= FIELDS
    assert result.stdout.count("\n") == 1


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_ctrl_c_in_the_middle_of_training(path, tmp_path):
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
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in error
    assert error.rstrip().endswith("Interrupted.")
    assert not (tmp_path / "run" / "model.keras").exists()
