"""The history of a trained_run."""

import shutil

import pytest

from keras_sentiment.errors import InputError
from keras_sentiment.runs.history import read_history
from keras_sentiment.runs.run import open_run

pytestmark = pytest.mark.once


@pytest.mark.parametrize("content", [b"\xff", b"epoch\n1\n", b"x", b"a,b\n1,2\n", b"epoch,loss\n1,\n"])
def test_a_damaged_history_is_told(trained_run, tmp_path, content):
    copy = open_run(shutil.copytree(trained_run.path, tmp_path / "copy"))
    header = copy.history.read_bytes().splitlines()[0]
    for damaged in (content + b"\n1", header + b"\n1,2\n", header + b"\n" + content * 8 + b"\n"):
        copy.history.write_bytes(damaged)
        with pytest.raises(InputError, match=r"history\.csv: it is damaged"):
            read_history(copy)
