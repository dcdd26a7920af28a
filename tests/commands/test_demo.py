"""The demo, whole: real reviews in, an accuracy and two labels out."""

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")


def told():
    """What README says: the default's accuracy on the test reviews, and their number."""
    (accuracy,) = re.findall(r"^\|.*\| (0\.\d{4}) .*\| `make demo` \|$", README, re.M)
    (reviews,) = re.findall(r"`sample` has ([\d,]+) test reviews", README)
    return float(accuracy), int(reviews.replace(",", ""))


@pytest.mark.once
def test_readme_has_the_figure_that_the_demo_is_held_to():
    accuracy, reviews = told()
    assert 0.5 < accuracy < 1
    assert reviews == 2500


@pytest.mark.slow
def test_demo_reaches_its_accuracy(tmp_path):
    command = [sys.executable, "-m", "keras_sentiment.scripts.command_line", "demo", str(tmp_path / "demo")]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=True)
    metrics = json.loads((tmp_path / "demo" / "transformer" / "metrics.json").read_text())
    (figures,) = metrics["test"].values()
    accuracy, reviews = told()
    assert figures["examples"] == reviews
    # Better by as much would mean that README tells of an older model.
    error = math.sqrt(accuracy * (1 - accuracy) / reviews)
    assert figures["accuracy"] == pytest.approx(accuracy, abs=3 * error)
    labels = [json.loads(line)["label"] for line in done.stdout.splitlines()[-2:]]
    assert labels == ["positive", "negative"]
