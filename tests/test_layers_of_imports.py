"""The arrow of the pipeline, held by reading the imports of every module."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

LIBRARY = Path(__file__).parents[1] / "keras_sentiment"

# A module imports only from lines above its own, or from what stands before it on its line.
TABLE = (LIBRARY.parent / "CONTRIBUTING.md").read_text("utf-8")
LEVELS = [row.split(", ") for row in re.findall(r"^\| \d+ \| (.+?) \|", TABLE, re.MULTILINE)]
ORDER = [module for level in LEVELS for module in level]

# Importing these needs no Keras and no backend.
LIGHT = [
    *LEVELS[0],
    *LEVELS[1],
    *LEVELS[2],
    "encoded",
    "corpus",
    "split_writer",
    "preparation",
    "rows",
    "artifact",
    "labelled",
    "engines",
    "classifier",
    "predictions",
    "scorer",
    "cluster",
    "serving",
]
HEAVY = ("keras", "keras_hub", "tensorflow", "tensorflow_text", "torch", "jax")

SOURCES = {path.stem: path.read_text("utf-8") for path in sorted(LIBRARY.glob("*.py"))}
MODULES = [module for module in SOURCES if module != "__init__"]


def imported_names(source: str) -> Iterator[str]:
    """Yields every name that a source imports, in functions too: `from a import b` gives `a.b`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(filter(None, ["keras_sentiment" if node.level else "", node.module]))
            yield from (f"{base}.{alias.name}" for alias in node.names)


def imported_modules(source: str) -> set[str]:
    """Returns the modules of the library that a source imports."""
    names = (name.split(".") for name in imported_names(source))
    # The library itself counts as a module that no line of the table holds.
    return {parts[1] if parts[1:] else "__init__" for parts in names if parts[0] == "keras_sentiment"}


def test_table_holds_every_module():
    assert set(MODULES) == set(ORDER), "give each module its place in the table of CONTRIBUTING.md"
    assert len(set(ORDER)) == len(ORDER)


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_upwards(module):
    above = set(ORDER[: ORDER.index(module)])
    assert imported_modules(SOURCES[module]) <= above


@pytest.mark.parametrize("module", SOURCES)
def test_library_leaves_click_to_the_commands(module):
    assert not {name for name in imported_names(SOURCES[module]) if name.split(".")[0] == "click"}


def test_rule_sees_every_way_to_import():
    source = """
import keras_sentiment.config
def f():
    from keras_sentiment import bundle
    from keras_sentiment.bert import build_bert
    from .corpus import Corpus
    from . import layers
import keras_sentiment
import keras_sentiments.training
"""
    assert imported_modules(source) == {"config", "bundle", "bert", "corpus", "layers", "__init__"}


def test_light_modules_import_without_keras_and_backends():
    modules = [f"keras_sentiment.{module}" for module in LIGHT if module in MODULES]
    program = f"""
import importlib, sys
sys.modules.update(dict.fromkeys({HEAVY!r}))
for module in {modules!r}:
    importlib.import_module(module)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
