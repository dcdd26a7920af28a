"""What all commands share: help, mistakes, exit statuses, streams."""

import json
import shutil
from pathlib import Path

import pytest

import keras_sentiment
from helpers.command_line import ENTRY, FIELDS, SMALL, mistake, python
from keras_sentiment.scripts import command_line
from keras_sentiment.scripts.command_line import COMMANDS

pytestmark = pytest.mark.once

SCRIPTS = Path(__file__).parents[2] / "scripts"
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
TABLES = [
    *["--input-format", "--delimiter", "--quoting", "--escape", "--encoding", "--no-header", "--columns"],
    "--text-column",
]
LABELLED = ["--on-error", "--label-column", "--fold-case", *TABLES]
OPTIONS = {
    "prepare": [
        *["--tokenizer", "--vocabulary-size", "--unlabelled", "--test", "--validation"],
        *["--group-column", "--seed", *LABELLED, *SHARED],
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
        *LABELLED,
        "--quiet",
        "--version",
    ],
    "predict": [
        *["--input", "--output", "--keep-columns", "--engine", "--workers", "--windows"],
        *["--on-error", "--explain", *TABLES, *SHARED],
    ],
    "export": ["--format", "--quantize", "--data", "--force", *LABELLED[1:], *SHARED],
    "serve": [
        *["--host", "--port", "--max-body-bytes", "--max-texts", "--max-waiting", "--timeout-seconds"],
        *["--log-texts", "--quiet", "--version"],
    ],
    "demo": SHARED,
}


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


def test_run_of_a_later_version(cli, path, tmp_path):
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
        (["train-transformer", "data", "new", "--set", f"epochs={'[' * 100_000}"], "must be of type int"),
        (["pretrain", "data", "new", "--set", "mask_rate=1"], "mask_rate=1"),
        (["pretrain", "data", "new", "--recipe", "reference"], "--recipe"),
        (["train-transformer", "data", "new", "--pretrained", "run"], "no pretrained encoder"),
        (
            ["prepare", "films.csv", "new", "--tokenizer", "words", "--unlabelled", "none"],
            "none: there is no such",
        ),
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
        (["predict", "run", "--input", "no.csv"], "no.csv: it can't be read"),
        (["predict", "run", "--input", "words", "--input-format", "txt"], "words: name one file"),
        (["predict", "run", "--input", "films.xlsx"], "films.xlsx: it can't be read"),
        (["predict", "run", "--input", "-", "--input-format", "parquet"], "give its path"),
        (
            ["predict", "run", "--input", "films.csv", "--output", "new"],
            "end its name in .jsonl or .csv or .parquet",
        ),
        (["predict", "run", "--input", "films.csv", "--output", "words/../films.csv", "--overwrite"], "read"),
        (["predict", "run", "--input", "films.csv", "--keep-columns", "id", "--quiet"], "no column 'id'"),
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
    for backend, fix in (("jax", 'pip install -e ".[jax]"'), ("torch", "pip install torch")):
        monkeypatch.setenv("KERAS_BACKEND", backend)
        mistake(cli(*trained), f"KERAS_BACKEND={backend} is not installed", fix)
    assert not (tmp_path / "run").exists()


def test_what_was_not_foreseen_keeps_its_traceback(cli, path, tmp_path, monkeypatch):
    import keras

    def broken(*args, **kwargs):
        raise RuntimeError("a bug")

    monkeypatch.setattr(keras.Model, "fit", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        cli("train-transformer", path / "data", tmp_path / "run", *SMALL)


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


def test_script_and_command_are_the_same():
    installed = python("-c", ENTRY, "train-transformer", "--help").stdout.splitlines()
    script = python(SCRIPTS / "train_transformer.py", "--help").stdout.splitlines()
    assert "--learning-rate" in "".join(script)
    assert script[1:] == installed[1:]
    assert script[0].startswith("Usage: train_transformer.py")
    version = python(SCRIPTS / "predict_texts.py", "--version").stdout
    assert keras_sentiment.__version__ in version
    assert keras_sentiment.__version__ in python("-c", ENTRY, "--version").stdout


def test_mistake_as_the_shell_sees_it(tmp_path):
    result = python(SCRIPTS / "train_transformer.py", tmp_path, tmp_path, KERAS_BACKEND="theano")
    mistake((result.returncode, result.stdout, result.stderr), "KERAS_BACKEND=theano")


def test_standard_output_holds_results_alone(path, tmp_path):
    """Not even what Keras and its backend write when they are imported."""
    copy = shutil.copytree(path / "run", tmp_path / "run")
    result = python("-c", ENTRY, "evaluate", copy, path / "data", "--json")
    assert result.returncode == 0, result.stderr
    assert set(json.loads(result.stdout)) >= FIELDS
    assert result.stdout.count("\n") == 1
