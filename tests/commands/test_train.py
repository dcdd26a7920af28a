"""The training commands."""

import json
import signal
import subprocess
import sys
import time

import pytest

from helpers.command_line import ENTRY, SMALL, mistake
from helpers.tiny import TOKENIZER
from keras_sentiment.data.corpus import open_corpus


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


@pytest.mark.once
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
        cli(*arguments, "--overwrite", "--trainable-blocks", "1"),
        path / "data",
        f"keras-sentiment prepare {path / 'films.csv'} NEW_DATA_DIR --tokenizer {preset}",
    )
    assert (tmp_path / "run" / "model.keras").is_file()


@pytest.mark.once
def test_threshold_is_chosen_for_what_the_option_says(cli, path, tmp_path):
    arguments = ["train-transformer", path / "data", tmp_path / "run", "--epochs", "1", *SMALL, "--quiet"]
    mistake(cli(*arguments, "--threshold-for", "recall"), "f1 or precision=P", "recall")
    assert not (tmp_path / "run").exists()
    mistake(cli(*arguments, "--threshold-label", "positive"), "threshold_label", "threshold_for")
    loud = [argument for argument in arguments if argument != "--quiet"]
    status, _, err = cli(*loud, "--threshold-for", "f1", "--threshold-label", "negative")
    assert status == 0
    assert "The threshold of negative was chosen for f1: of the validation reviews" in err
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert 0 < config["threshold"] < 1
    status, out, _ = cli("evaluate", tmp_path / "run", path / "data", "--quiet")
    assert status == 0
    assert f"The label is positive where its probability is {config['threshold']:.6g} or more" in out
    for text in ("good " * 9, "bad " * 9, "a film"):
        _, out, _ = cli("predict", tmp_path / "run", text)
        result = json.loads(out)
        above = result["probabilities"]["positive"] >= config["threshold"]
        assert (result["label"] == "positive") is above


@pytest.mark.once
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
    following = f"keras-sentiment evaluate {tmp_path / 'run'} {path / 'data'}"
    assert (status, error) == (0, f"{tmp_path / 'run'} is complete. Next: {following}\n")


@pytest.mark.once
@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM])
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
