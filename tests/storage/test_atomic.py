"""A file or a folder appears whole or not at all, whoever is killed."""

import subprocess
import sys

import pytest

from keras_sentiment.errors import InputError
from keras_sentiment.storage.atomic import staged_file, staged_folder

pytestmark = pytest.mark.once
# Fills something beside its target, says so, and waits to be killed.
KILLED = """
import sys, time
from pathlib import Path
from keras_sentiment.storage import atomic as staging
kind, path = sys.argv[1], Path(sys.argv[2])
if kind == "file":
    context = staging.staged_file(path, overwrite=True)
else:
    context = staging.staged_folder(path, overwrite=True, is_ours=lambda _: True)
with context as place:
    place.write("half") if kind == "file" else (place / "half").touch()
    print("ready", flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_the_next_one_tidies_up_after_a_killed_one(tmp_path, kind):
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
        assert half < set(tmp_path.iterdir())  # its process still runs
        process.kill()
    write()
    assert list(tmp_path.iterdir()) == [path]
    assert (
        [item.name for item in path.iterdir()] == ["whole"]
        if kind == "folder"
        else path.read_text() == "whole"
    )


def test_a_folder_that_was_taken_away_is_put_back(tmp_path):
    """Killed between its two renames: the old folder has another name, the new one none yet."""
    (tmp_path / ".0123abcd.old.out").mkdir()
    (tmp_path / ".0123abcd.old.out" / "kept").touch()
    with pytest.raises(InputError, match="already holds"):
        staged_folder(tmp_path / "out", overwrite=False, is_ours=lambda _: True).__enter__()
    assert [item.name for item in (tmp_path / "out").iterdir()] == ["kept"]
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]
