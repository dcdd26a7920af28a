"""Folders of tables: splits, saved datasets, and files that are not read."""

import json
import os
import shutil

import pytest
from datasets import Dataset, DatasetDict, load_from_disk

from helpers.readers import error_of, write_tree
from keras_sentiment.data.readers.sources import read, source_name
from keras_sentiment.data.readers.table_files import split_of
from keras_sentiment.data.readers.unlabelled import read_unlabelled
from keras_sentiment.errors import InputError

pytestmark = pytest.mark.once
SPLITS = ("train", "test")


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
    assert (
        "these files are not named train, validation or test, and the others are: sample_submission.csv"
        in error_of(tmp_path / "it")
    )
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
    assert "unsupervised: this folder is not read; name it with --test, or with --unlabelled" in error
    # If there is a subfolder for each label, a table beside them is ignored.
    write_tree(tmp_path / "3", {"neg/1.txt": "a", "pos/1.txt": "b", "labels.csv": "x"})
    assert {r.label for r in read(tmp_path / "3")} == {"neg", "pos"}


def test_a_split_that_is_given_twice_is_refused(tmp_path):
    write_tree(tmp_path, {"train.csv": "text,label\na,1\n", "test.csv": "text,label\nb,2\n"})
    with pytest.raises(InputError, match="it already has a test split; leave out --test"):
        list(read(tmp_path, test=tmp_path / "test.csv", quiet=True))
    with pytest.raises(InputError, match="no such file or folder, and no file matches"):
        list(read(tmp_path, validation=tmp_path / "none*.csv", quiet=True))
    with pytest.raises(
        InputError, match="has the splits train, more, and only train, validation and test are"
    ):
        list(read({"train": [("a", 1)], "more": [("b", 1)]}))


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train-00000-of-00002.parquet", "train"),
        ("imdb_train.csv", "train"),
        ("trainData.csv", "train"),
        ("test1.csv", "test"),
        ("my-dev.tsv", "validation"),
        ("TEST.csv", "test"),
        ("contest.csv", None),
        ("trainer.csv", None),
        ("latest.csv", None),
        ("reviews.csv", None),
    ],
)
def test_splits_are_found_in_file_names(name, split):
    assert split_of(name) == split


def test_cache_files_of_a_dataset_are_not_read(tmp_path):
    dataset = Dataset.from_list([{"text": f"film {n}", "label": "ab"[n % 2]} for n in range(20)])
    dataset.save_to_disk(tmp_path / "it")
    saved = load_from_disk(tmp_path / "it")
    saved.map(lambda row: {"more": 1})
    saved.filter(lambda row: row["label"] == "a")
    assert len(list((tmp_path / "it").glob("cache-*.arrow"))) >= 1
    assert len(list(read(tmp_path / "it"))) == 20


def test_files_that_are_not_read_are_reported(tmp_path, capsys):
    write_tree(tmp_path / "it", {"train.csv": "text,label\na,1\n", "test/x.csv": "text,label\nb,1\n"})
    assert len(list(read(tmp_path / "it"))) == 1
    assert "it/test: this folder is not read; name it with --test" in capsys.readouterr().err
    write_tree(tmp_path / "2", {"train.csv": "text,label\na,1\n", "test.csv": "text,label\n"})
    assert "test.csv: it has no reviews; add some" in error_of(tmp_path / "2")
    write_tree(
        tmp_path / "3", {"neg/1.txt": "a", "neg/2.html": "b", "neg/sub.txt/3.txt": "c", "pos/1.txt": "d"}
    )
    assert len(list(read(tmp_path / "3"))) == 2
    assert "neg: files that are not .txt are not read: 2, such as 2.html" in capsys.readouterr().err


def test_an_empty_name_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_tree(tmp_path, {"train.csv": "text,label\na,1\n"})
    assert "the name of a source is empty" in error_of("")
    with pytest.raises(InputError, match="the name of a source is empty"):
        list(read_unlabelled(""))


def test_a_file_name_of_invalid_utf8_can_be_printed(tmp_path):
    assert source_name(os.fsdecode(b"b\xffd.csv")).encode() == "b\ufffdd.csv".encode()


@pytest.mark.parametrize("kind", ["pipe", "device", "system", "nowhere", "folder"])
@pytest.mark.parametrize("place", ["", "data", "test"])
def test_a_table_that_is_not_a_regular_file_is_refused(tmp_path, kind, place):
    rows = "".join(f"film {n},{'ab'[n % 2]}\n" for n in range(20))
    write_tree(tmp_path / place, {"train.csv": "text,label\n" + rows})
    path = tmp_path / place / "test.csv"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to({"device": "/dev/zero", "system": "/proc/kmsg", "nowhere": "nowhere"}[kind])
    assert error_of(tmp_path).startswith(f"{path}: ")
    if kind != "folder":
        assert error_of(str(tmp_path / place / "*.csv")).startswith(f"{path}: ")
    with pytest.raises(InputError, match=r"test\.csv: "):
        list(read_unlabelled(tmp_path / place))


def saved(folder, text="film", rows=20):
    dataset = Dataset.from_list([{"text": f"{text} {n}", "label": "ab"[n % 2]} for n in range(rows)])
    dataset.save_to_disk(folder, num_shards=2)
    return folder


def listing(*names, **more):
    return json.dumps({"_data_files": [{"filename": name} for name in names], **more})


FILES = ["data-00000-of-00002.arrow", "data-00001-of-00002.arrow"]


def test_a_saved_dataset_must_match_its_state_file(tmp_path):
    other = saved(tmp_path / "other", "secret") / FILES[0]
    folder = saved(tmp_path / "it")
    assert len(list(read(folder))) == 20
    state = folder / "state.json"
    for names, wrong in (
        (FILES[:1], f"{folder / FILES[1]}: state.json does not list it"),
        ([*FILES, "../other/" + FILES[0]], "which is missing"),
        ([*FILES, str(other)], "which is missing"),
        ([*FILES, "a\0b.arrow"], "which is missing"),
        ([*FILES, *FILES], "it lists a name twice"),
        ([], "it does not list the files of the dataset"),
        ([1], "it does not list the files of the dataset"),
    ):
        state.write_text(listing(*names))
        assert wrong in error_of(folder)
    for content in ('{"_data_files": 1}', '{"_data_files": [1]}', "{}"):
        state.write_text(content)
        assert "it does not list the files of the dataset; save it again" in error_of(folder)
    state.write_text("[" * 100_000)
    assert "state.json: it is not JSON" in error_of(folder)
    state.write_text(listing(*FILES, _indices_data_files=[{"filename": FILES[0]}]))
    assert "call flatten_indices()" in error_of(folder)
    state.write_text(listing(*FILES))
    (folder / "more.csv").write_text("text,label\na,b\n")
    assert "more.csv: state.json does not list it; move it away" in error_of(folder)
    (folder / "more.csv").unlink()
    (folder / FILES[0]).unlink()
    (folder / FILES[0]).symlink_to(other)
    assert f"{FILES[0]}: it is a link that leads out of its folder" in error_of(folder)
    (folder / FILES[0]).unlink()
    assert f"it lists '{FILES[0]}', which is missing" in error_of(folder)


def test_saved_splits_must_match_their_dictionary_file(tmp_path):
    other = saved(tmp_path / "other", "secret")
    folder = tmp_path / "it"
    rows = {split: [{"text": f"{split} {n}", "label": "ab"[n % 2]} for n in range(20)] for split in SPLITS}
    DatasetDict({split: Dataset.from_list(rows[split]) for split in SPLITS}).save_to_disk(folder)
    assert {review.split for review in read(folder)} == {*SPLITS}
    shutil.move(folder / "test", tmp_path / "test")
    assert "it lists 'test', which is missing" in error_of(folder)
    (folder / "test").symlink_to(other)
    assert "test: it is a link that leads out of its folder" in error_of(folder)
    (folder / "dataset_dict.json").write_text('{"splits": ["train"]}')
    assert "test: dataset_dict.json does not list it; move it away" in error_of(folder)
