"""A .zip may have any name; the file in it says what it holds."""

import zipfile

import pytest

from helpers.readers import error_of
from keras_sentiment.data.readers.sources import read
from keras_sentiment.data.readers.unlabelled import read_unlabelled

pytestmark = pytest.mark.once


def test_the_table_in_a_zip_says_what_it_is(tmp_path):
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("IMDB Dataset.csv", "text,label\ngood,a\nbad,b\n")
    assert [(review.text, review.label) for review in read(path, quiet=True)] == [("good", "a"), ("bad", "b")]
    assert [review.text for review in read_unlabelled(path, quiet=True)] == ["good", "bad"]


def test_a_zip_without_a_table(tmp_path):
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("reviews.docx", "text")
    assert "it holds no table, and one table is read" in error_of(path)
    path.write_text("text,label\n")
    assert "archive.zip: unknown kind of file; say with --input-format" in error_of(path)
