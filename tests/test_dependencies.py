"""The private interfaces of other packages that we use still exist; requirements and the lock file agree."""

import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
# The package, the module, and names in it. docs/architecture.md says what each is used for.
INTERNALS = [
    ("keras", "keras.optimizers", ("AdamW._get_variable_index", "AdamW.update_step")),
    ("torch", "torch.optim.adamw", ("adamw",)),
    ("keras-hub", "keras_hub.models", ("BertBackbone",)),
    ("keras-hub", "keras_hub.src.models.bert.bert_presets", ("backbone_presets",)),
    ("h11", "h11", ("Connection.trailing_data", "IDLE", "SEND_BODY", "SEND_RESPONSE")),
    ("ray", "ray.data", ("DataContext.print_on_execution_start",)),
    ("onnxscript", "onnxscript.optimizer", ("fold_constants", "remove_unused_nodes")),
    (
        "uvicorn",
        "uvicorn.protocols.http.h11_impl",
        tuple(
            f"H11Protocol.{name}"
            for name in (
                "connection_made", "connection_lost", "data_received", "eof_received", "on_response_complete",
                "pause_writing", "resume_writing", "send_400_response", "shutdown",
            )
        ),
    ),
]  # fmt: skip


def requirements() -> dict[str, Requirement]:
    lists = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    found = [Requirement(line) for lines in lists for line in lines]
    return {requirement.name: requirement for requirement in found}


@pytest.mark.parametrize(("package", "module", "names"), INTERNALS, ids=lambda value: str(value)[:40])
def test_private_interfaces_exist_and_their_package_has_an_upper_bound(package, module, names):
    found = importlib.import_module(module)
    for name in names:
        value = found
        for attribute in name.split("."):
            assert hasattr(value, attribute), f"{module}.{name} is gone"
            value = getattr(value, attribute)
    assert any(part.operator == "<" for part in requirements()[package].specifier)


def test_attributes_of_uvicorns_protocol_exist():
    from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

    names = {"connections", "conn", "cycle", "flow", "loop", "scope", "transport"}
    assert names <= set(H11Protocol.__init__.__code__.co_names)
    assert "response_complete" in RequestResponseCycle.__init__.__code__.co_names


def test_the_server_has_the_version_bounds_of_the_package():
    for requirement in serving():
        assert requirement.specifier == requirements()[requirement.name].specifier


def serving() -> list[Requirement]:
    lines = (ROOT / "requirements-serve.txt").read_text("utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def locked() -> dict[str, tuple[Requirement, list[str]]]:
    """Returns the requirements of the lock file with their hashes, by normalized name."""
    text = (ROOT / "requirements-serve.lock").read_text("utf-8").replace("\\\n", "")
    found = {}
    for line in (line for line in text.splitlines() if line and not line.startswith("#")):
        requirement, *hashes = line.split("--hash=")
        parsed = Requirement(requirement.strip())
        found[canonicalize_name(parsed.name)] = parsed, [each.strip() for each in hashes]
    return found


def test_onnxruntime_is_new_enough():
    """Before 1.24.1 the external data of a graph could be any file of the user."""
    lists = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    found = [Requirement(line) for lines in lists for line in lines] + serving()
    bounds = [requirement.specifier for requirement in found if requirement.name == "onnxruntime"]
    assert len(bounds) == 4
    assert not [bound for bound in bounds if bound.contains("1.24.0") or not bound.contains("1.24.1")]


def test_the_lock_file_agrees_with_its_sources():
    found = locked()
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = [line.split("==") for line in lines if not line.startswith("#")]
    constraints = {canonicalize_name(name): version for name, version in pins}
    for requirement in [*serving(), Requirement("setuptools>=77")]:
        assert canonicalize_name(requirement.name) in found, "make lock"
    for name, (requirement, hashes) in found.items():
        (pin,) = requirement.specifier
        assert pin.operator == "=="
        assert hashes
        assert all(re.fullmatch("sha256:[0-9a-f]{64}", each) for each in hashes)
        if requirement.marker is None or requirement.marker.evaluate({"sys_platform": "linux"}):
            assert constraints[name] == pin.version, "make lock"
    for requirement in serving():
        assert requirement.specifier.contains(constraints[canonicalize_name(requirement.name)])


def test_the_lock_file_names_no_index():
    text = (ROOT / "requirements-serve.lock").read_text("utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*-(?!-hash=)", text, re.MULTILINE)


@pytest.mark.slow
def test_the_lock_file_can_be_installed(tmp_path):
    """Pip accepts it with `--require-hashes`, and installs only wheels."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    pip = [str(tmp_path / "venv" / "bin" / "python"), "-m", "pip", "install", "--dry-run", "--require-hashes"]
    lock = ["--only-binary", ":all:", "-r", str(ROOT / "requirements-serve.lock")]
    result = subprocess.run([*pip, *lock], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    assert "onnxruntime-" in result.stdout.splitlines()[-1]
