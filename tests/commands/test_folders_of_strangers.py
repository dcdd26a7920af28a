"""A stranger's folder is refused in one line, before Keras is imported; nothing else is read or written."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from helpers.saved_runs import sign

pytestmark = pytest.mark.once

# Runs a command and tells what it imported.
COMMAND = """
import sys
from keras_sentiment.scripts.command_line import main
try:
    main()
finally:
    print(sorted({"keras", "torch", "tensorflow", "onnxruntime"} & set(sys.modules)))
"""


def link(file):
    target = file.with_name("elsewhere")
    file.rename(target) if file.exists() else target.touch()
    file.symlink_to(target)


def pipe(file):
    file.unlink(missing_ok=True)
    os.mkfifo(file)


def rewrite(file, **changes):
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def more_layers(run):
    values = json.loads((run / "config.json").read_text())
    rewrite(run / "config.json", model={**values["model"], "num_layers": 10**6})


def many_ngrams(run):
    values = json.loads((run / "config.json").read_text())
    rewrite(run / "config.json", model={**values["model"], "ngrams": 10**6})


def other_vocabulary(run):
    file = run / "tokenizer" / "vocab.txt"
    file.write_text(file.read_text() + "more\n")
    sign(run)


RUNS = {
    "link": lambda run: link(run / "metrics.json"),
    "link to the same bytes": lambda run: link(run / "tokenizer" / "vocab.txt"),
    "pipe": lambda run: pipe(run / "history.csv"),
    "pipe in the place of the config": lambda run: pipe(run / "config.json"),
    "folder that is a link": lambda run: link(run / "reports"),
    "no list": lambda run: (run / "checksums.json").write_text("{}"),
    "more files": lambda run: (run / "tokenizer" / "vocabulary.txt").touch(),
    "more tokens": other_vocabulary,
    "more layers": more_layers,
    "longer n-grams": many_ngrams,
    "text for a number": lambda run: rewrite(run / "config.json", data={"trained_reviews": "abc"}),
}
COMMANDS = {
    "predict": ["predict", "RUN", "a good film"],
    "evaluate": ["evaluate", "RUN", "films.csv"],
    "against": ["evaluate", "ITSELF", "films.csv", "--against", "RUN"],
    "export": ["export", "RUN", "out"],
}


@pytest.mark.parametrize("damage", RUNS.values(), ids=RUNS.keys())
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())
def test_runs(path, tmp_path, command, damage):
    run = shutil.copytree(path / "run", tmp_path / "run")
    damage(run)
    before = {file: file.lstat().st_mtime_ns for file in tmp_path.rglob("*")}
    places = {"RUN": run, "ITSELF": path / "run", "films.csv": path / "films.csv", "out": tmp_path / "out"}
    arguments = [str(places.get(argument, argument)) for argument in command]
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2, done.stderr
    assert done.stdout == "[]\n"
    (line,) = done.stderr.splitlines()
    assert str(run) in line
    assert {file: file.lstat().st_mtime_ns for file in tmp_path.rglob("*")} == before
