"""Files and folders are written atomically, even if a process is killed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from keras_sentiment.errors import InputError
from keras_sentiment.storage.atomic import (
    staged_file,
    staged_folder,
    staged_for,
    staged_name,
    staged_path,
    write_text,
)

pytestmark = pytest.mark.once
# Writes a temporary file or folder, prints a line, and waits to be killed.
KILLED = """
import sys, time
from pathlib import Path
from keras_sentiment.storage import atomic
kind, path = sys.argv[1], Path(sys.argv[2])
if kind == "file":
    context = atomic.staged_file(path, overwrite=True)
else:
    context = atomic.staged_folder(path, overwrite=True, is_ours=lambda _: True)
with context as place:
    place.write("half") if kind == "file" else (place / "half").touch()
    print("ready", flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_files_of_a_killed_process_are_removed(tmp_path, kind):
    path = tmp_path / "out [1]"

    def write():
        if kind == "file":
            with staged_file(path, overwrite=True) as file:
                file.write("whole")
        else:
            with staged_folder(path, overwrite=True, is_ours=lambda _: True) as folder:
                (folder / "whole").touch()

    write()
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, kind, path], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        half = {item for item in tmp_path.iterdir() if item != path}
        assert len(half) == 1
        write()
        assert half < set(tmp_path.iterdir())  # its process is still running
        process.kill()
    write()
    assert list(tmp_path.iterdir()) == [path]
    assert (
        [item.name for item in path.iterdir()] == ["whole"]
        if kind == "folder"
        else path.read_text() == "whole"
    )


def test_a_folder_that_was_moved_away_is_restored(tmp_path):
    """A process was killed between its two renames: the old folder has a temporary name."""
    (tmp_path / ".0123abcd.old.out").mkdir()
    (tmp_path / ".0123abcd.old.out" / "kept").touch()
    with pytest.raises(InputError, match="already has"):
        staged_folder(tmp_path / "out", overwrite=False, is_ours=lambda _: True).__enter__()
    assert [item.name for item in (tmp_path / "out").iterdir()] == ["kept"]
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


@pytest.fixture
def secret(tmp_path):
    """A file outside, and a folder that this program writes to."""
    file, folder = tmp_path / "theirs.txt", tmp_path / "ours"
    file.write_text("theirs")
    folder.mkdir()
    return file, folder


def test_a_link_is_replaced_and_not_followed(secret):
    file, folder = secret
    (folder / "README.md").symlink_to(file)
    write_text(folder / "README.md", "ours")
    assert (folder / "README.md").read_text() == "ours"
    assert not (folder / "README.md").is_symlink()
    assert file.read_text() == "theirs"


def test_a_link_at_the_temporary_name_is_not_followed(secret, monkeypatch):
    """The name can't be guessed; even if it could, the link would not be followed."""
    file, folder = secret
    monkeypatch.setattr("secrets.token_hex", lambda size: "0" * 2 * size)
    (folder / ".00000000.part.README.md").symlink_to(file)
    with (
        pytest.raises(InputError, match=r"README\.md: it can't be written"),
        staged_path(folder / "README.md"),
    ):
        raise AssertionError("it was opened")
    assert file.read_text() == "theirs"


def test_temporary_names_are_unique(tmp_path):
    names = set()
    for _ in range(20):
        with staged_path(tmp_path / "model.keras") as staging:
            names.add(staging.name)
            assert staging.suffix == ".keras"  # some writers require the suffix
            assert staged_name(staging.name) == "model.keras"
            assert staged_for(tmp_path / "model.keras") == [staging]
    assert len(names) == 20
    assert [item.name for item in tmp_path.iterdir()] == ["model.keras"]


def test_an_error_keeps_the_existing_file(tmp_path):
    path = tmp_path / "config.json"
    path.write_text("before")

    def write_half():
        with staged_path(path) as staging:
            staging.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_synced_before_it_is_renamed(tmp_path, monkeypatch):
    done = []
    sync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda number: done.append("fsync") or sync(number))
    monkeypatch.setattr(Path, "replace", lambda *paths: done.append("rename") or replace(*paths))
    write_text(tmp_path / "config.json", "text")
    assert done == ["fsync", "rename"]


def test_a_path_that_cannot_be_written_gives_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="it can't be written") as caught:
        write_text(tmp_path / "file" / "README.md", "text")
    assert "\n" not in str(caught.value)
