"""A file that a user named is written atomically."""

import stat

import pytest

from keras_sentiment.errors import InputError
from keras_sentiment.storage.atomic import staged_file

pytestmark = pytest.mark.once


def test_a_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "out.csv"
    with staged_file(path, overwrite=False) as file:
        file.write("é\n")
        file.flush()
        assert not path.exists()
    assert path.read_bytes() == "é\n".encode()
    (tmp_path / "plain").touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)
    with pytest.raises(InputError, match="--overwrite"), staged_file(path, overwrite=False):
        raise AssertionError("the file is taken")
    link = tmp_path / "link.csv"
    link.symlink_to(path)
    with staged_file(link, overwrite=True) as file:
        file.write("new\n")
    assert link.is_symlink()
    assert path.read_text() == "new\n"
    assert {item.name for item in tmp_path.iterdir()} == {"out.csv", "plain", "link.csv"}


@pytest.mark.parametrize("error", [InputError("x"), KeyboardInterrupt(), RuntimeError("x")])
def test_an_incomplete_file_is_removed(tmp_path, error):
    old = tmp_path / "old.csv"
    old.write_text("old")

    def write_half(path):
        with staged_file(path, overwrite=True) as file:
            file.write("half")
            raise error

    for name in ("old.csv", "new.csv"):
        with pytest.raises(type(error)):
            write_half(tmp_path / name)
    assert list(tmp_path.iterdir()) == [old]
    assert old.read_text() == "old"


def test_a_file_created_meanwhile_is_kept(tmp_path):
    path = tmp_path / "out.csv"
    with pytest.raises(InputError, match="--overwrite"), staged_file(path, overwrite=False):
        path.write_text("another's")
    assert [path] == list(tmp_path.iterdir())
    assert path.read_text() == "another's"


def test_paths_that_cannot_be_a_file_are_refused(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match="is not a file"), staged_file(tmp_path / "folder.csv", True):
        pass
    with pytest.raises(InputError, match="it can't be written"), staged_file(tmp_path / "no" / "a.csv", True):
        pass
    assert not any((tmp_path / "folder.csv").iterdir())
