"""The demo, whole: real reviews in, an accuracy and two labels out."""

import json
import os
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_demo_reaches_its_accuracy(tmp_path):
    command = [sys.executable, "-m", "keras_sentiment.scripts.command_line", "demo", str(tmp_path / "demo")]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=True)
    metrics = json.loads((tmp_path / "demo" / "transformer" / "metrics.json").read_text())
    (figures,) = metrics["test"].values()
    assert figures["examples"] >= 2000
    assert figures["accuracy"] >= 0.84
    labels = [json.loads(line)["label"] for line in done.stdout.splitlines()[-2:]]
    assert labels == ["positive", "negative"]
