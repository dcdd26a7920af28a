"""What is written appears whole or not at all, whoever is killed and whatever the disk can hold."""

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.tiny import RECIPE, TOKENIZER, make_corpus, train
from keras_sentiment.errors import InputError
from keras_sentiment.storage.atomic import staged_file, staged_folder

pytestmark = pytest.mark.once

ENTRY = "from keras_sentiment.scripts.command_line import main; main()"
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


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A corpus, a run and its export, each made before the disk was full."""
    path = tmp_path_factory.mktemp("disk")
    run = train(make_corpus(path / "data"), path / "run", RECIPE.replace(epochs=1))
    TOKENIZER.save(path / "vocabulary")
    rows = [{"text": f"good film {n}", "label": "pos" if n % 2 else "neg"} for n in range(4000)]
    (path / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    from keras_sentiment.exporting.exporter import export_run

    export_run(run, path / "export", ["onnx"])
    (path / "labels.jsonl").write_text("before")
    return path


def tree(path: Path) -> dict[str, bytes]:
    return {str(item.relative_to(path)): item.read_bytes() for item in path.rglob("*") if item.is_file()}


@pytest.mark.parametrize(
    ("kilobytes", "arguments"),
    [
        (50, "prepare texts.jsonl data --tokenizer vocabulary --overwrite"),
        (0, "prepare texts.jsonl new --tokenizer vocabulary"),
        (1, "evaluate run data"),
        (16, "predict export/onnx --input texts.jsonl --output labels.jsonl --overwrite"),
        (4, "export run export --format onnx --overwrite"),
        (30, "export run export --format openvino"),
    ],
    ids=lambda value: value.split()[0] if isinstance(value, str) else None,
)
def test_a_full_disk(place, tmp_path, kilobytes, arguments):
    """A limit on the size of a file stands for a full disk: the same calls fail, with another number."""
    copy = Path(shutil.copytree(place, tmp_path / "copy"))
    before = tree(copy)
    result = subprocess.run(
        [sys.executable, "-c", ENTRY, *arguments.split(), "--quiet"],
        cwd=copy,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_FSIZE, (1024 * kilobytes, resource.RLIM_INFINITY)
        ),
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.strip().splitlines()[-1].startswith("Error: ")
    assert tree(copy) == before


def test_an_export_begins_only_where_it_has_room(place, tmp_path, monkeypatch):
    """Of a full disk, torch's writer ends the process and OpenVINO's says nothing of it."""
    from keras_sentiment.exporting.exporter import export_run
    from keras_sentiment.runs.run import open_run

    usage = shutil.disk_usage(tmp_path)
    free = 2 * (place / "run" / "model.keras").stat().st_size
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=free))
    with pytest.raises(InputError, match=r"torch and what it is made of .* GB free; free some"):
        export_run(open_run(place / "run"), tmp_path / "out", ["torch"])
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_while_training(place, tmp_path):
    copy = Path(shutil.copytree(place, tmp_path / "copy"))
    before = tree(copy)

    arguments = (
        "train-transformer data run --epochs 2 --sequence-length 24 --checkpoint-steps 2 --overwrite --quiet"
    )

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))

    result = subprocess.run(
        [sys.executable, "-c", ENTRY, *arguments.split()],
        cwd=copy,
        capture_output=True,
        text=True,
        preexec_fn=limited,
    )
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("Error: ")
    assert "checkpoints" in last
    after = tree(copy)
    for name, content in before.items():
        # The run that was there has moved aside.
        assert after[name.replace("run/", "run/previous/", 1) if name.startswith("run/") else name] == content
    assert not [name for name in after if "part" in name]
