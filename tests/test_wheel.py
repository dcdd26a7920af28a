"""What `pip wheel` makes of a clone holds the commands and all that they need."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from keras_sentiment.scripts.command_line import COMMANDS

pytestmark = [pytest.mark.once, pytest.mark.slow]

ROOT = Path(__file__).parents[1]


def test_the_command_of_an_installed_wheel_answers(tmp_path):
    source, wheels, target = tmp_path / "source", tmp_path / "wheels", tmp_path / "installed"
    for folder in ("keras_sentiment", "scripts"):
        # `keras_sentiment/scripts` may be a link to the other folder, as an editable installation makes it.
        ignored = shutil.ignore_patterns("__pycache__", *(["scripts"] if folder == "keras_sentiment" else []))
        shutil.copytree(ROOT / folder, source / folder, ignore=ignored)
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source / file)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    # With the setuptools that is here: no network.
    build = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), str(source)]
    subprocess.run([*pip, *build], check=True)
    (wheel,) = wheels.iterdir()
    install = ["install", "--quiet", "--no-deps", "--no-index", "--target", str(target), str(wheel)]
    subprocess.run([*pip, *install], check=True)
    command = shutil.which("keras-sentiment", path=str(target / "bin"))
    environment = {**os.environ, "PYTHONPATH": str(target)}

    def output(*arguments):
        done = subprocess.run(
            [command, *arguments], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return done.stdout

    pages = output("--help")
    assert all(f"  {name} " in pages for name in COMMANDS)
    assert "--learning-rate" in output("train-transformer", "--help")
    found = [sys.executable, "-c", "import keras_sentiment.scripts as s; print(s.__file__)"]
    done = subprocess.run(found, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).is_relative_to(target)
    for file in ("py.typed", "evaluation/report.html", "serving/page.html"):
        assert (target / "keras_sentiment" / file).is_file(), file
