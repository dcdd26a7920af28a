"""A full disk is one line of explanation, and what was there stays."""

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.tiny import TOKENIZER

pytestmark = pytest.mark.once
# Python would write halves of what it compiles, and find them next time.
LIMITED = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
ENTRY = "from keras_sentiment.scripts.command_line import main; main()"


@pytest.fixture(scope="module")
def place(corpus, trained_run, artifacts, tmp_path_factory):
    """A corpus, a run and its export, each made before the disk was full."""
    path = tmp_path_factory.mktemp("disk")
    for source, name in ((corpus, "data"), (trained_run, "run"), (artifacts["onnx"], "export/onnx")):
        shutil.copytree(source.path, path / name)
    TOKENIZER.save(path / "vocabulary")
    rows = [{"text": f"good film {n}", "label": "pos" if n % 2 else "neg"} for n in range(4000)]
    (path / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
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
        env={**LIMITED, "TMPDIR": str(tmp_path)},
    )
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.strip().splitlines()[-1].startswith("Error: ")
    assert tree(copy) == before


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
        env=LIMITED,
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
