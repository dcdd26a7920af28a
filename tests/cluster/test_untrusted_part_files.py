"""An untrusted output folder: only regular files in it are read and replaced."""

import os
import struct
from pathlib import Path

import pytest
from pyarrow import parquet

from helpers.strategies import resident
from helpers.tables import plan_of, write_csv
from keras_sentiment.cluster.part_files import output_folder
from keras_sentiment.errors import InputError

ROWS = 7  # rows of a part

pytestmark = pytest.mark.once


@pytest.fixture
def plan(artifact, tmp_path):
    return plan_of(artifact, write_csv(tmp_path / "it.csv", 20))


@pytest.fixture
def out(plan, tmp_path):
    with output_folder(tmp_path / "out", plan, False) as folder:
        assert folder.missing() == [0, 1, 2]
    return tmp_path / "out"


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine"
    path.write_text("mine")
    return path


NAMES = [
    "_plan.json",
    "part-000001.parquet",
    ".01234567.part.part-000001.parquet",
    ".01234567.part._plan.json",
]


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["link", "link to nowhere", "pipe", "folder"])
def test_entries_that_are_not_regular_files_are_refused(plan, out, mine, name, kind, overwrite):
    (out / name).unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(out / name)
    elif kind == "folder":
        (out / name).mkdir()
        (out / name / "kept").touch()
    else:
        (out / name).symlink_to(mine if kind == "link" else out / "nowhere")
    before = sorted(out.rglob("*"))
    with pytest.raises(InputError) as caught, output_folder(out, plan, overwrite):
        pass
    assert str(caught.value).startswith(f"{out / name}: ")
    assert sorted(out.rglob("*")) == before
    assert mine.read_text() == "mine"


def test_a_huge_plan_file_is_not_read_into_memory(plan, out):
    with (out / "_plan.json").open("r+b") as file:
        file.truncate(1 << 40)  # a sparse file
    with pytest.raises(InputError, match="predictions for another input"), output_folder(out, plan, False):
        pass


def test_a_part_with_a_forged_footer_counts_as_missing_and_takes_little_memory(plan, out):
    """The forged footer claims a list of a million entries, which would take 200 MB of memory."""
    footer = bytes([0x15, 2, 0x19, 0xFC, 0x80, 0x80, 0x40])
    (out / "part-000001.parquet").write_bytes(b"PAR1" + footer + struct.pack("<I", len(footer)) + b"PAR1")
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    before = resident(status, "VmRSS")
    reset.write_text("5")
    with output_folder(out, plan, False) as folder:
        assert folder.missing() == [0, 1, 2]
    assert resident(status, "VmHWM") - before < 100 << 20


def test_a_link_that_appears_while_parts_are_written_is_replaced(plan, out, mine):
    with output_folder(out, plan, False) as folder:
        folder.part(0).symlink_to(mine)
        with folder.staged(0) as staging:
            parquet.write_table(plan.schema.empty_table(), staging)
        assert folder.part(0).is_file()
        assert not folder.part(0).is_symlink()
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["part-00000١.parquet", "part-00001.parquet", "part-0000001.parquet"])
def test_a_file_with_a_name_similar_to_a_part_is_kept(plan, out, name, overwrite):
    (out / name).write_text("mine")
    with (
        pytest.raises(InputError, match="files that this command did not write"),
        output_folder(out, plan, overwrite),
    ):
        pass
    assert (out / name).read_text() == "mine"


def test_a_part_that_is_not_in_the_plan_is_refused(plan, out):
    (out / "part-000003.parquet").write_text("mine")
    with (
        pytest.raises(InputError, match=r"part-000003.parquet: it does not belong"),
        output_folder(out, plan, False),
    ):
        pass
    assert (out / "part-000003.parquet").read_text() == "mine"
    with output_folder(out, plan, True):
        assert {path.name for path in out.iterdir()} == {"_plan.json"}
