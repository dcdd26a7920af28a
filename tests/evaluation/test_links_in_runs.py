"""Links and pipes in the place of what an evaluation reads or writes: told by name, and left alone."""

import contextlib
import os
import shutil

import pytest

from keras_sentiment.errors import InputError
from keras_sentiment.evaluation.evaluate import evaluate
from keras_sentiment.evaluation.report import page_name

pytestmark = pytest.mark.once

NAMES = ["history.csv", "metrics.json", "README.md", "report.html", "reports", "reports/PAGE", "previous"]
NAMES += [".0123abcd.part.README.md", ".0123abcd.part.metrics.json"]


@contextlib.contextmanager
def told(name):
    """The block ends well, or with one line that has the name."""
    message = name
    try:
        yield
    except InputError as error:
        message = str(error)
    assert name in message
    assert message.isprintable()


@pytest.mark.parametrize("name", NAMES)
def test_nothing_outside_is_read_or_written(run, corpus, tmp_path, name):
    name = name.replace("PAGE", page_name("test", corpus.splits["test"].fingerprint))
    mine = tmp_path / "mine"
    for kind in ("link", "pipe") if name != "reports" else ("link to a folder", "pipe"):
        mine.write_text('{"test": {}}')
        (tmp_path / "mine too").mkdir(exist_ok=True)
        path = shutil.copytree(run.path, tmp_path / kind)
        place = path / name
        place.parent.mkdir(exist_ok=True)
        place.unlink(missing_ok=True)
        if kind == "pipe":
            os.mkfifo(place)
        else:
            place.symlink_to(mine if kind == "link" else tmp_path / "mine too")
        with told(place.name):
            evaluate(path, corpus).save()
        assert mine.read_text() == '{"test": {}}'
        assert not list((tmp_path / "mine too").iterdir())
