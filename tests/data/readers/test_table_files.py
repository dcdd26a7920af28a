"""Folders of tables are sources with parts."""

import pytest

from helpers.readers import error_of, write_tree
from keras_sentiment.data.readers.sources import read
from keras_sentiment.errors import InputError

pytestmark = pytest.mark.once


def test_folders_of_tables(tmp_path, capsys):
    write_tree(tmp_path / "it", {"train.csv": "text,label\na,1\n", "test.csv": "text,label\nb,2\n"})
    write_tree(
        tmp_path / "it", {"README.md": "x", "notes.txt": "x", ".hidden.csv": "x", "dataset_info.json": "{"}
    )
    assert {(r.text, r.split, r.source) for r in read(tmp_path / "it")} == {
        ("a", "train", "train.csv:2"),
        ("b", "test", "test.csv:2"),
    }
    write_tree(tmp_path / "it", {"sample_submission.csv": "x"})
    assert "sample_submission.csv: not called train, validation or test" in error_of(tmp_path / "it")
    inside = {
        "train/a.csv": "text,label\na,1\n",
        "val/a.csv": "text,label\nb,2\n",
        "unsupervised/a.csv": "text\nc\n",
    }
    write_tree(tmp_path / "2", inside)
    capsys.readouterr()
    assert [(r.split, r.source) for r in read(tmp_path / "2")] == [
        ("train", "train/a.csv:2"),
        ("validation", "val/a.csv:2"),
    ]
    error = capsys.readouterr().err
    assert "unsupervised: not read; give it with --test, or --unlabelled" in error
    # Whoever has a folder a label has reviews in files, whatever else is there.
    write_tree(tmp_path / "3", {"neg/1.txt": "a", "pos/1.txt": "b", "labels.csv": "x"})
    assert {r.label for r in read(tmp_path / "3")} == {"neg", "pos"}


def test_a_part_that_is_there_twice_is_refused(tmp_path):
    write_tree(tmp_path, {"train.csv": "text,label\na,1\n", "test.csv": "text,label\nb,2\n"})
    with pytest.raises(InputError, match="it has a test part of its own; leave out --test"):
        list(read(tmp_path, test=tmp_path / "test.csv", quiet=True))
    with pytest.raises(InputError, match="no such file or folder, no file matches"):
        list(read(tmp_path, validation=tmp_path / "none*.csv", quiet=True))
    with pytest.raises(InputError, match="has the parts train, more; train, validation and test are"):
        list(read({"train": [("a", 1)], "more": [("b", 1)]}))
