"""Helpers to run commands."""

import os
import subprocess
import sys

# The keys that `evaluate --json` always has.
FIELDS = {"examples", "accuracy", "loss", "f1", "roc_auc", "ece", "brier", "confusion", "class_ece"}
FIELDS |= {"intervals", "f1_per_class"}
SMALL = ["--sequence-length", "32", "--precision", "float32", "--learning-rate", "0.01"]
SMALL += ["--set", "ngram_buckets=4096", "--set", "ngram_weight=0.2"]
ENTRY = "from keras_sentiment.scripts.command_line import main; main()"


def mistake(result, *expected):
    status, out, error = result
    assert status == 2
    assert out == ""
    assert error.count("\n") == 1
    for text in expected:
        assert str(text) in error


def python(*arguments, **environment):
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
