"""Damaged runs give an error of one line."""

import os
import shutil
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.saved_runs import sign
from helpers.strategies import FUZZ, MODELS, amounts, answers, edited, edited_json, edits, json_edits

pytestmark = pytest.mark.once


@pytest.fixture
def saved(transformer):
    return transformer[1].path


@amounts(25, MODELS)
@pytest.mark.parametrize("checksums", ["checksums", "right checksums"])
def test_damaged_runs(examples, checksums, saved, tmp_path):
    files = sorted(file.relative_to(saved) for file in saved.rglob("*") if file.is_file())
    insides = ["metadata.json", "model.weights.h5"]

    @settings(FUZZ, max_examples=examples)
    @given(st.sampled_from([*files, *insides * 2]), edits, json_edits)
    def check(name, raw, values):
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(saved, copy)
        if isinstance(name, str):
            with zipfile.ZipFile(saved / "model.keras") as archive:
                members = {member: archive.read(member) for member in archive.namelist()}
            json_too = name == "metadata.json" and raw[0][0] % 4
            members[name] = edited_json(members[name], values) if json_too else edited(members[name], raw)
            with zipfile.ZipFile(copy / "model.keras", "w") as archive:
                for member, content in members.items():
                    archive.writestr(member, content)
        else:
            content = (copy / name).read_bytes()
            json_too = name.suffix == ".json" and raw[0][0] % 4
            (copy / name).write_bytes(edited_json(content, values) if json_too else edited(content, raw))
        if checksums == "right checksums":
            sign(copy)
        answers(copy)
        assert os.listdir(tmp_path) == ["copy"]

    check()
