"""Untrusted folders: only regular files are read, and links are not followed."""

import os
from pathlib import Path

import pytest

from keras_sentiment import InputError
from keras_sentiment.storage import untrusted
from keras_sentiment.storage.untrusted import open_regular, plain_files, require_regular

pytestmark = pytest.mark.once


def test_files_are_listed_by_relative_path(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c.txt").write_text("c")
    (tmp_path / "z").write_text("z")

    assert plain_files(tmp_path) == ["a/b/c.txt", "z"]
    assert plain_files(tmp_path, lambda name: name == "z") == ["z"]


@pytest.mark.parametrize("kind", ["link", "dangling", "folder link", "pipe"])
@pytest.mark.parametrize("place", ["", "inside"])
def test_files_that_are_not_regular_are_refused(tmp_path, kind, place):
    folder = tmp_path / "folder"
    (folder / place).mkdir(parents=True, exist_ok=True)
    path = folder / place / "bad"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        target = {"link": __file__, "dangling": tmp_path / "nothing", "folder link": tmp_path}[kind]
        path.symlink_to(target)

    with pytest.raises(InputError, match=r"bad: it is (a link|not a regular file)"):
        plain_files(folder)
    with pytest.raises(InputError, match=r"bad: it is (a link|not a regular file)"):
        open_regular(path)


def test_too_many_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(untrusted, "MAX_ENTRIES", 3)
    for number in range(4):
        (tmp_path / str(number)).mkdir()

    with pytest.raises(InputError, match="more than 3 files"):
        plain_files(tmp_path)


def test_a_link_may_be_followed_to_a_regular_file(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "to pipe").symlink_to("pipe")

    with open_regular(tmp_path / "link", follow_links=True) as file:
        assert file.read() == b"content"
    for name in ("pipe", "to pipe"):
        with pytest.raises(InputError, match="not a regular file"):
            open_regular(tmp_path / name, follow_links=True)
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "nothing")


@pytest.mark.skipif(not os.path.exists("/proc/self/environ"), reason="needs /proc")
def test_a_link_to_a_file_of_the_system_is_refused_unless_its_user_names_it(tmp_path):
    with (tmp_path / "file").open("wb+") as file:
        descriptor = f"/proc/self/fd/{file.fileno()}"
        (tmp_path / "descriptor").symlink_to(descriptor)
        (tmp_path / "environ").symlink_to("/proc/self/environ")
        (tmp_path / "again").symlink_to("environ")
        (tmp_path / "folder").symlink_to("/proc/self")
        for name in ("descriptor", "environ", "again", "folder/environ"):
            with pytest.raises(InputError, match=rf"{name}: it is a link to /proc/"):
                open_regular(tmp_path / name, follow_links=True)
            with pytest.raises(InputError, match=rf"{name}: it is a link to /proc/"):
                require_regular(tmp_path / name)
        for path in (descriptor, "/proc/self/environ"):
            open_regular(Path(path), follow_links=True).close()
