"""Locks between processes."""

import subprocess
import sys

import pytest

from helpers.tiny import RECIPE
from keras_sentiment.storage.locks import lock, unlock
from keras_sentiment.training.run_writer import new_run

pytestmark = pytest.mark.once


def test_two_processes_cannot_lock_one_folder(corpus, tmp_path):
    run = new_run(tmp_path / "run", corpus, RECIPE, "torch", "float32")
    run.begin()
    program = (
        "import sys; from pathlib import Path; from keras_sentiment.storage.locks import lock\n"
        "try:\n    lock(Path(sys.argv[1]), 0.1)\nexcept ValueError as error:\n    print(error)"
    )

    def tried():
        command = [sys.executable, "-c", program, run.path]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert "another process is writing to it" in tried()
    lock(run.path)  # the same process may lock it again
    unlock(lock(run.path))
    assert tried() == ""
