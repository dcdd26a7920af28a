"""A RUN_DIR begins, is resumed or replaced, and nobody else's files are touched."""

import shutil

import pytest

from helpers.saved_runs import one_line, start
from keras_sentiment.errors import InputError
from keras_sentiment.runs.run import open_run

pytestmark = pytest.mark.once


def contents(path):
    return {file.relative_to(path): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_a_folder_that_holds_something_is_left_alone(corpus, copy, tmp_path):
    before = contents(tmp_path)
    with pytest.raises(InputError) as caught:
        start(copy, corpus)
    one_line(caught, copy, "--overwrite")
    # Somebody else's model has a config.json too, and somebody's notes may lie beside ours.
    for name, file in (("theirs", "config.json"), ("notes", "notes.txt")):
        folder = shutil.copytree(copy, tmp_path / name)
        (folder / file).write_text('{"model_type": "bert"}')
        kept = contents(folder)
        with pytest.raises(InputError) as caught:
            start(folder, corpus, overwrite=True)
        one_line(caught, folder, "another folder")
        assert contents(folder) == kept
        shutil.rmtree(folder)
    with pytest.raises(InputError) as caught:
        start(copy / "config.json", corpus, overwrite=True)
    one_line(caught, copy / "config.json", "is a file")
    assert contents(tmp_path) == before


def test_overwrite_replaces_a_run(corpus, copy):
    run = start(copy, corpus, overwrite=True)
    assert (copy / "model.keras").is_file()
    run.begin()
    assert {item.name for item in copy.iterdir()} == {"config.json", "checkpoints", "previous"}
    with pytest.raises(InputError, match="did not end"):
        open_run(copy)


def test_overwrite_keeps_a_link_and_the_working_directory(corpus, copy, tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(copy, target_is_directory=True)
    start(tmp_path / "link", corpus, overwrite=True).begin()
    assert (tmp_path / "link").is_symlink()
    assert (copy / "checkpoints").is_dir()
    monkeypatch.chdir(copy)
    start(".", corpus, overwrite=True).begin()
    assert (copy / "config.json").is_file()


@pytest.mark.parametrize(
    ("path", "message"),
    [("/proc/run", "no run can be written"), ("/dev/null/run", "/dev/null: it is a file")],
)
def test_run_that_cannot_be_written(corpus, path, message):
    with pytest.raises(InputError) as caught:
        start(path, corpus).begin()
    one_line(caught, message)


def test_an_empty_folder_is_taken(corpus, tmp_path):
    (tmp_path / "run").mkdir()
    start(tmp_path / "run", corpus).begin()
    assert (tmp_path / "run" / "config.json").is_file()
