"""Only one process writes to an output folder."""

import subprocess
import sys

import pytest

from helpers.tables import plan_of, write_csv
from keras_sentiment.cluster.part_files import output_folder
from keras_sentiment.storage.locks import lock, unlock

ROWS = 7  # rows of a part

pytestmark = pytest.mark.once


def test_two_processes_cannot_write_to_one_folder(artifact, tmp_path):
    plan = plan_of(artifact, write_csv(tmp_path / "it.csv", 10))
    (tmp_path / "out").mkdir()
    held = lock(tmp_path / "out")
    try:
        program = f"""
from pathlib import Path
from keras_sentiment.cluster.part_files import output_folder
with output_folder(Path({str(tmp_path / "out")!r}), None, True): pass
"""
        result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    finally:
        unlock(held)
    assert "another process is writing to it" in result.stderr
    with output_folder(tmp_path / "out", plan, False) as folder:
        assert folder.missing() == [0, 1]
