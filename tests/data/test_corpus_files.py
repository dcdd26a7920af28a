"""An untrusted DATA_DIR: only known files are read, in bounded memory and time."""

import json
import os
import shutil
import types

import pytest

from helpers.memory import at_most
from keras_sentiment.data import corpus as corpora
from keras_sentiment.data import corpus_files
from keras_sentiment.data.corpus import open_corpus
from keras_sentiment.errors import InputError

pytestmark = pytest.mark.once
FILES = ["data.json", "train/ids.npy", "train/texts.jsonl", "test/labels.npy", "tokenizer/vocab.txt"]


@pytest.fixture
def folder(corpus, tmp_path):
    return shutil.copytree(corpus.path, tmp_path / "copy")


def read_all(folder):
    for split in open_corpus(folder).splits.values():
        for _ in split.records():
            pass


def refusal(folder):
    with pytest.raises(InputError) as caught:
        read_all(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", FILES)
def test_links_and_pipes_are_not_read(folder, tmp_path, name):
    (folder / name).rename(tmp_path / "outside")
    (folder / name).symlink_to(tmp_path / "outside")
    assert f"{folder / name}: it is a link" in refusal(folder)
    (folder / name).unlink()
    os.mkfifo(folder / name)
    # Opening a pipe without a writer would never end.
    assert "not a regular file" in (message := refusal(folder)) or "not a prepared corpus" in message


def test_a_folder_that_is_a_link_is_not_read(folder, tmp_path):
    (folder / "train").rename(tmp_path / "train")
    (folder / "train").symlink_to(tmp_path / "train")
    assert f"{folder / 'train'}: it is a link" in refusal(folder)


@pytest.mark.parametrize(
    "name", ["train/more.npy", "tokenizer/assets/tokenizer/vocabulary.txt", "tokenizer/vocabulary.txt"]
)
def test_unknown_files_in_a_split_are_refused(folder, name):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    assert f"{path}: it is not a file of a prepared corpus" in refusal(folder)


def test_other_files_in_the_folder_are_ignored(folder):
    (folder / "notes.md").write_text("mine")
    (folder / "link").symlink_to("/dev/zero")
    assert open_corpus(folder).labels == ["negative", "positive"]


@pytest.mark.parametrize("name", ["train/ids.npy", "train/offsets.npy", "test/labels.npy"])
def test_an_array_far_larger_than_its_texts_is_refused(folder, name):
    os.truncate(folder / name, 1 << 38)
    assert f"{folder / name}: it is far larger than its texts require" in refusal(folder)


def test_texts_with_holes_are_refused(folder):
    path = folder / "train" / "texts.jsonl"
    rows = path.read_bytes()
    os.truncate(path, 1 << 38)
    # The texts seem large, so a large array is allowed.
    os.truncate(folder / "train" / "ids.npy", 1 << 38)
    assert f"{path}: it has NUL bytes" in refusal(folder)
    os.truncate(folder / "train" / "ids.npy", 1 << 20)
    path.write_bytes(rows * (1 + (40 << 20) // len(rows)))
    corpus_files.require_own_files(folder)


def test_the_block_count_of_the_file_system_is_ignored(folder, monkeypatch):
    stat = os.stat

    def of_no_blocks(path, **options):
        found = stat(path, **options)
        return types.SimpleNamespace(st_size=found.st_size, st_mode=found.st_mode, st_blocks=0)

    with (folder / "train" / "texts.jsonl").open("ab") as file:
        for _ in range(40):
            file.write(b"x" * (1 << 20))
    monkeypatch.setattr(corpus_files.os, "stat", of_no_blocks)
    corpus_files.require_own_files(folder)


@pytest.mark.parametrize("name", [".DS_Store", "train/.DS_Store", "train/._ids.npy", "tokenizer/.x/y"])
def test_hidden_files_of_macos_are_ignored(folder, name):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"x")
    read_all(folder)


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("splits", "train", "reviews"), 10**400),
        (("splits", "train", "reviews"), -1),
        (("splits", "train", "labels"), "abc"),
        (("splits", "train", "labels", "negative"), None),
        (("splits", "train", "tokens"), 1.5),
        (("splits", "test", "groups"), True),
        (("splits",), [1]),
        (("tokenizer",), None),
        (("tokenizer", "name"), 3),
        (("warnings",), 5),
        (("warnings",), [5]),
        (("unlabelled",), 3),
    ],
)
def test_wrong_types_in_data_json_are_refused(folder, keys, value):
    info = json.loads((folder / "data.json").read_text())
    inner = info
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    (folder / "data.json").write_text(json.dumps(info))
    assert "data.json: a key is missing or wrong" in refusal(folder)


def test_a_huge_row_is_refused_in_bounded_memory(folder, monkeypatch):
    monkeypatch.setattr(corpora, "MAX_ROW_BYTES", 30 << 20)
    path = folder / "train" / "texts.jsonl"
    rows = path.read_bytes()
    path.write_bytes(b'{"text": [' + b"{}," * (9 << 20) + b"0]}\n" + rows)
    with at_most(100 << 20):
        assert "texts.jsonl:1: the row is damaged" in refusal(folder)
    with path.open("wb") as file:
        file.write(rows)
        for _ in range(64):
            file.write(b"x" * (1 << 20))
    with at_most(100 << 20):
        assert "the row is damaged" in refusal(folder)


def test_a_huge_array_header_is_not_read(folder, monkeypatch):
    monkeypatch.setattr(corpus_files, "_FREE_BYTES", 1 << 30)
    path = folder / "train" / "ids.npy"
    path.write_bytes(b"\x93NUMPY\x02\x00" + (64 << 20).to_bytes(4, "little") + b"(" * (64 << 20))
    with at_most(32 << 20):
        assert "the version of the array is not 1.0" in refusal(folder)
