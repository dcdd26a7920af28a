"""The packages import one another only as the table in docs/architecture.md allows."""

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

# A row of the table has a step, one package or some top-level modules, and whether they import Keras.
TABLE = (LIBRARY.parent / "docs" / "architecture.md").read_text("utf-8")
ROWS = re.findall(r"^\| (\d+) \| (.+?) \| (yes|no) \|", TABLE, re.MULTILINE)
STEPS = [(int(step), name) for step, names, _ in ROWS for name in re.findall(r"`(\w+)`", names)]
ORDER = [name for _, name in STEPS]
LIGHT = [name for _, names, keras in ROWS if keras == "no" for name in re.findall(r"`(\w+)`", names)]

MODULES = {
    path.relative_to(LIBRARY).with_suffix("").as_posix().replace("/", "."): path.read_text("utf-8")
    for path in sorted(LIBRARY.rglob("*.py"))
}


def package_of(module: str) -> str:
    """Returns the package of a module, or the module itself if it is at the top level."""
    return module.split(".")[0]


def imported_names(source: str) -> Iterator[str]:
    """Yields every name that a source imports, in functions too. `from a import b` gives `a.b`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_packages(source: str) -> set[str]:
    """Returns the packages of this library that a source imports."""
    names = (name.split(".") for name in imported_names(source))
    # The library itself counts as `__init__`, which the table does not have, so nothing may import it.
    return {parts[1] if parts[1:] else "__init__" for parts in names if parts[0] == "keras_sentiment"}


def imported_modules(source: str) -> set[str]:
    """Returns the modules that a source imports."""
    names = {name.removeprefix("keras_sentiment.") for name in imported_names(source)}
    return {name for name in names | {name.rpartition(".")[0] for name in names} if name in MODULES}


def test_the_table_has_every_package():
    packages = {package_of(module) for module in MODULES} - {"__init__"}
    assert packages == set(ORDER), "add the package to the table in docs/architecture.md"
    assert len(ORDER) == len(packages)
    assert [step for step, _ in STEPS] == sorted(step for step, _ in STEPS)


@pytest.mark.parametrize("module", [module for module in MODULES if module != "__init__"])
def test_imports_are_allowed_by_the_table(module):
    above = ORDER[: ORDER.index(package_of(module)) + 1]
    below = imported_packages(MODULES[module]) - set(above)
    assert not below, f"{module} imports {below}, which the table has further down"


def test_imports_have_no_cycle():
    arrows = {module: imported_modules(source) - {module} for module, source in MODULES.items()}
    while leaves := {module for module, others in arrows.items() if not others & arrows.keys()}:
        arrows = {module: others for module, others in arrows.items() if module not in leaves}
    assert not arrows, f"these modules import one another: {sorted(arrows)}"


def test_only_the_commands_import_click():
    assert not [name for name, source in MODULES.items() if "click" in set(imported_names(source))]


def test_every_form_of_import_is_found():
    source = """
import keras_sentiment.config
def f():
    from keras_sentiment import runs
    from keras_sentiment.models.bert import build_bert
import keras_sentiment
import keras_sentiments.training
"""
    assert imported_packages(source) == {"config", "runs", "models", "__init__"}


def test_light_packages_import_no_keras_and_no_backend():
    modules = [f"keras_sentiment.{module}" for module in MODULES if package_of(module) in LIGHT]
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


def test_the_distribution_has_every_package_and_page():
    """pyproject.toml lists them, because setuptools cannot find `scripts/` under its installed name."""
    folders = [path.parent.relative_to(LIBRARY).parts for path in LIBRARY.rglob("__init__.py")]
    packages = {".".join(("keras_sentiment", *parts)) for parts in folders} | {"keras_sentiment.scripts"}
    settings = tomllib.loads((LIBRARY.parent / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    assert set(settings["packages"]) == packages
    files = [path for path in LIBRARY.rglob("*.*") if path.suffix not in (".py", ".pyc")]
    found: dict[str, list[str]] = {}
    for path in sorted(files):
        package = ".".join(("keras_sentiment", *path.parent.relative_to(LIBRARY).parts))
        found.setdefault(package, []).append(path.name)
    assert settings["package-data"] == found


def modules_after(statement: str) -> set[str]:
    """Returns the names of the modules that a new process has imported after a statement."""
    program = f"{statement}\nimport sys\nprint(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout.split())


def test_importing_the_library_imports_few_modules():
    found = modules_after("import keras_sentiment")
    assert "keras_sentiment.errors" in found
    assert not found & {*HEAVY, "numpy", "click", "keras_sentiment.config"}


def test_the_server_imports_few_modules_and_reads_no_archives():
    found = modules_after("import keras_sentiment.serving.server")
    ours = {name for name in found if name.removeprefix("keras_sentiment.") in MODULES}
    assert "keras_sentiment.inference.classifier" in ours
    assert len(ours) <= 37, sorted(ours)
    assert not {name for name in ours if ".readers" in name or ".runs" in name}
    assert not found & {*HEAVY, "scipy", "sklearn", "pyarrow", "matplotlib", "tarfile"}
