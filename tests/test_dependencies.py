"""What we use of other packages beyond their public interface is still there, and bounded."""

import importlib
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

pytestmark = pytest.mark.once

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
# The package, the module, the names in it. CONTRIBUTING has the same list, with what each is used for.
INTERNALS = [
    ("keras", "keras.optimizers", ("AdamW._get_variable_index", "AdamW.update_step")),
    ("keras", "keras.src.models.functional", ("Functional",)),
    ("keras", "keras.src.ops.numpy", ("GetItem", "ZerosLike")),
    ("torch", "torch.optim.adamw", ("adamw",)),
    ("onnxscript", "onnxscript.optimizer", ("fold_constants", "remove_unused_nodes")),
    (
        "uvicorn",
        "uvicorn.protocols.http.h11_impl",
        tuple(
            f"H11Protocol.{name}"
            for name in (
                "connection_made", "connection_lost", "data_received", "on_response_complete",
                "pause_writing", "resume_writing", "send_400_response",
            )
        ),
    ),
]  # fmt: skip


def requirements() -> dict[str, Requirement]:
    lists = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    found = [Requirement(line) for lines in lists for line in lines]
    return {requirement.name: requirement for requirement in found}


@pytest.mark.parametrize(("package", "module", "names"), INTERNALS, ids=lambda value: str(value)[:40])
def test_internals_are_there_and_their_package_has_an_upper_bound(package, module, names):
    found = importlib.import_module(module)
    for name in names:
        value = found
        for attribute in name.split("."):
            assert hasattr(value, attribute), f"{module}.{name} is gone"
            value = getattr(value, attribute)
    assert any(part.operator == "<" for part in requirements()[package].specifier)


def test_the_server_has_the_bounds_of_the_package():
    lines = (Path(__file__).parents[1] / "requirements-serve.txt").read_text("utf-8").splitlines()
    for requirement in (Requirement(line) for line in lines if line and not line.startswith("#")):
        assert requirement.specifier == requirements()[requirement.name].specifier
