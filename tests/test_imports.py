"""The arrows between rooms, held by reading the imports of every module."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

LIBRARY = Path(__file__).parents[1] / "keras_sentiment"
HEAVY = ("keras", "keras_hub", "tensorflow", "tensorflow_text", "torch", "jax")

# Rows of CONTRIBUTING's table: a step, a room or the modules beside the rooms, and whether it imports Keras.
TABLE = (LIBRARY.parent / "CONTRIBUTING.md").read_text("utf-8")
ROWS = re.findall(r"^\| (\d+) \| (.+?) \| (yes|no) \|", TABLE, re.MULTILINE)
STEPS = [(int(step), room) for step, rooms, _ in ROWS for room in re.findall(r"`(\w+)`", rooms)]
ORDER = [room for _, room in STEPS]
LIGHT = [room for _, rooms, keras in ROWS if keras == "no" for room in re.findall(r"`(\w+)`", rooms)]

MODULES = {
    path.relative_to(LIBRARY).with_suffix("").as_posix().replace("/", "."): path.read_text("utf-8")
    for path in sorted(LIBRARY.rglob("*.py"))
}


def room_of(module: str) -> str:
    """Returns the room of a module, which is named without the library; or the module itself."""
    return module.split(".")[0]


def imported_names(source: str) -> Iterator[str]:
    """Yields every name that a source imports, in functions too: `from a import b` gives `a.b`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_rooms(source: str) -> set[str]:
    """Returns the rooms that a source imports."""
    names = (name.split(".") for name in imported_names(source))
    # The library itself counts as a room that no row of the table holds.
    return {parts[1] if parts[1:] else "__init__" for parts in names if parts[0] == "keras_sentiment"}


def imported_modules(source: str) -> set[str]:
    """Returns the modules that a source imports."""
    names = {name.removeprefix("keras_sentiment.") for name in imported_names(source)}
    return {name for name in names | {name.rpartition(".")[0] for name in names} if name in MODULES}


def test_table_holds_every_room():
    rooms = {room_of(module) for module in MODULES} - {"__init__"}
    assert rooms == set(ORDER), "give each room its place in the table of CONTRIBUTING.md"
    assert len(ORDER) == len(rooms)
    assert [step for step, _ in STEPS] == sorted(step for step, _ in STEPS)


@pytest.mark.parametrize("module", [module for module in MODULES if module != "__init__"])
def test_imports_point_upwards(module):
    above = ORDER[: ORDER.index(room_of(module)) + 1]
    below = imported_rooms(MODULES[module]) - set(above)
    assert not below, f"{module} imports {below}, which stand further down in the table"


def test_no_modules_import_one_another():
    arrows = {module: imported_modules(source) - {module} for module, source in MODULES.items()}
    while leaves := {module for module, others in arrows.items() if not others & arrows.keys()}:
        arrows = {module: others for module, others in arrows.items() if module not in leaves}
    assert not arrows, f"a circle of imports: {sorted(arrows)}"


def test_library_leaves_click_to_the_commands():
    assert not [name for name, source in MODULES.items() if "click" in set(imported_names(source))]


def test_rule_sees_every_way_to_import():
    source = """
import keras_sentiment.config
def f():
    from keras_sentiment import runs
    from keras_sentiment.models.bert import build_bert
import keras_sentiment
import keras_sentiments.training
"""
    assert imported_rooms(source) == {"config", "runs", "models", "__init__"}


def test_light_rooms_import_without_keras_and_backends():
    modules = [f"keras_sentiment.{module}" for module in MODULES if room_of(module) in LIGHT]
    program = f"""
import importlib, sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {HEAVY!r}:
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
for module in {modules!r}:
    importlib.import_module(module.removesuffix(".__init__"))
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr


def test_distribution_holds_every_package_and_page():
    """They are listed: setuptools finds no `scripts/` under its installed name."""
    folders = [path.parent.relative_to(LIBRARY).parts for path in LIBRARY.rglob("__init__.py")]
    packages = {".".join(("keras_sentiment", *parts)) for parts in folders} | {"keras_sentiment.scripts"}
    settings = tomllib.loads((LIBRARY.parent / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    assert set(settings["packages"]) == packages
    files = [path for path in LIBRARY.rglob("*.*") if path.suffix not in (".py", ".pyc")]
    found = {
        ".".join(("keras_sentiment", *path.parent.relative_to(LIBRARY).parts)): [path.name] for path in files
    }
    assert settings["package-data"] == found


def modules_after(statement: str) -> set[str]:
    """Returns what is imported once a statement has run in a new process."""
    program = f"{statement}\nimport sys\nprint(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout.split())


def test_importing_the_package_imports_next_to_nothing():
    found = modules_after("import keras_sentiment")
    assert "keras_sentiment.errors" in found
    assert not found & {*HEAVY, "numpy", "click", "keras_sentiment.config"}


def test_the_server_imports_few_modules_and_reads_no_archives():
    found = modules_after("import keras_sentiment.serving.server")
    ours = {name for name in found if name.removeprefix("keras_sentiment.") in MODULES}
    assert "keras_sentiment.inference.classifier" in ours
    assert len(ours) <= 34, sorted(ours)
    assert not {name for name in ours if ".readers" in name or ".runs" in name}
    assert not found & {*HEAVY, "scipy", "sklearn", "pyarrow", "matplotlib", "tarfile"}
