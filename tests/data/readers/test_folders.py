"""Folders of reviews: aclImdb or a part of it, and one subfolder for each label."""

import os
from pathlib import Path

import pytest

from helpers.readers import REVIEWS, error_of, write_tree
from keras_sentiment.data.readers.folders import position_of
from keras_sentiment.data.readers.sources import read
from keras_sentiment.data.readers.unlabelled import read_unlabelled
from keras_sentiment.errors import InputError

pytestmark = pytest.mark.once


def test_the_complete_aclimdb_folder_is_read(tmp_path):
    write_tree(tmp_path, REVIEWS)
    reviews = list(read(tmp_path))
    assert {r.source: r.text for r in reviews} == REVIEWS
    assert [r.position for r in reviews if r.split == "train" and r.label == "neg"] == [0, 2, 10]
    assert {r.split for r in reviews} == {"train", "test"}


def test_one_part_of_aclimdb_is_read_without_unlabelled_reviews(tmp_path, capsys):
    write_tree(
        tmp_path, {name.removeprefix("train/"): text for name, text in REVIEWS.items() if "train" in name}
    )
    write_tree(tmp_path, {"unsup/0_0.txt": "nobody knows", "urls_pos.txt": "http://…"})
    reviews = list(read(tmp_path))
    assert {(r.label, r.split) for r in reviews} == {("neg", None), ("pos", None)}
    assert len(reviews) == 5
    assert "unsup" in capsys.readouterr().err
    list(read(tmp_path, quiet=True))
    assert capsys.readouterr() == ("", "")


def test_a_subfolder_for_each_label_is_read(tmp_path):
    write_tree(tmp_path, {"joy/b.txt": "ha", "joy/a.TXT": "ho", "anger/1_2.txt": "grr", "joy/notes.md": "-"})
    (tmp_path / ".git").mkdir()
    reviews = list(read(tmp_path))
    assert [(r.text, r.label, r.source) for r in reviews] == [
        ("grr", "anger", "anger/1_2.txt"),
        ("ho", "joy", "joy/a.TXT"),
        ("ha", "joy", "joy/b.txt"),
    ]
    assert all(r.position is None and r.split is None for r in reviews)


def test_the_order_does_not_depend_on_the_file_system(tmp_path, monkeypatch):
    write_tree(tmp_path, REVIEWS)
    expected = list(read(tmp_path))
    listing = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda self: iter(sorted(listing(self), reverse=True)))
    assert list(read(tmp_path)) == expected


def test_a_third_part_is_an_error(tmp_path):
    files = {f"{part}/{label}/0_1.txt": "text" for part in ("train", "val") for label in ("pos", "neg")}
    with pytest.raises(InputError, match="val: only the folders train and test are read"):
        list(read(write_tree(tmp_path, files)))


def test_bad_folders(tmp_path):
    assert "no tables and no subfolders" in error_of(tmp_path)
    write_tree(tmp_path, {"joy/a.txt": "ha"})
    (tmp_path / "anger").mkdir()
    assert "anger: it has no .txt files" in error_of(tmp_path)
    (tmp_path / "anger" / "b.txt").write_bytes(b"gr\xff")
    assert "anger/b.txt: byte 3" in error_of(tmp_path)
    (tmp_path / "anger" / "b.txt").write_bytes("gr".encode("utf-16-be"))
    assert "anger/b.txt: many of its bytes are NUL, as in UTF-16; use --encoding utf-16-be" in error_of(
        tmp_path
    )


@pytest.mark.parametrize("place", ["neg/1_1.txt", "unsup/1_0.txt"])
def test_entries_that_are_not_regular_files_are_not_opened(tmp_path, place):
    write_tree(tmp_path, {"neg/0_1.txt": "flat", "pos/0_9.txt": "superb", "unsup/0_0.txt": "?"})
    path = tmp_path / place
    for make, expected in (
        # Opening a pipe would wait for a writer.
        (os.mkfifo, "it is not a regular file"),
        (lambda path: path.symlink_to("nowhere"), "it is a link to a missing file"),
        (lambda path: path.symlink_to(path.name), "it is a link to a missing file"),
        (lambda path: path.symlink_to("/dev/zero"), "it is a link to a missing file"),
    ):
        make(path)
        with pytest.raises(InputError, match=f"{path.name}: {expected}"):
            list(read_unlabelled(tmp_path) if "unsup" in place else read(tmp_path, quiet=True))
        path.unlink()
    # The cache of Hugging Face has such links.
    path.symlink_to(write_tree(tmp_path / ".blobs", {"blob": "linked"}) / "blob")
    texts = [r.text for r in (read_unlabelled(tmp_path) if "unsup" in place else read(tmp_path, quiet=True))]
    assert "linked" in texts


def test_file_names_may_be_invalid_utf8_or_have_long_numbers(tmp_path):
    write_tree(tmp_path, {"neg/99999999999999999999_1.txt": "flat", "pos/0_9.txt": "superb"})
    (tmp_path / "neg" / os.fsdecode(b"\xff.txt")).write_text("dull")
    found = list(read(tmp_path))
    assert sorted(review.text for review in found) == ["dull", "flat", "superb"]
    assert all(review.position is None for review in found if review.label == "neg")
    (tmp_path / os.fsdecode(b"\xff")).mkdir()
    assert "no .txt files" in error_of(tmp_path)


def test_only_ascii_digits_are_review_numbers():
    assert position_of("12_9.txt") == 12
    assert position_of("1٢_9.txt") is None


def test_a_review_that_is_a_link_to_the_system_is_refused(tmp_path):
    write_tree(tmp_path, {"neg/1.txt": "a", "pos/1.txt": "b"})
    for target in ("/proc/kmsg", "/proc/self/environ", "/dev/zero"):
        (tmp_path / "pos" / "k.txt").symlink_to(target)
        assert "k.txt: " in error_of(tmp_path)
        (tmp_path / "pos" / "k.txt").unlink()
