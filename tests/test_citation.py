"""CITATION.cff has the required fields of the Citation File Format 1.2 and agrees with pyproject.toml."""

import tomllib
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))


def test_required_fields_are_there():
    assert CITATION["cff-version"] == "1.2.0"
    assert CITATION["type"] == "software"
    assert all(isinstance(CITATION[field], str) for field in ("message", "title", "abstract"))
    assert CITATION["authors"]


def test_version_and_licence_are_those_of_the_project():
    assert CITATION["version"] == PROJECT["version"]
    assert CITATION["license"] == PROJECT["license"]


def test_references_are_complete():
    for reference in CITATION["references"]:
        assert reference["type"] == "conference-paper"
        assert isinstance(reference["title"], str)
        assert type(reference["year"]) is int
        assert all(set(author) == {"family-names", "given-names"} for author in reference["authors"])
