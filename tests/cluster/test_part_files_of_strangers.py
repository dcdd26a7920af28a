"""An output folder may be a stranger's: only regular files in it are read and replaced."""

import os
import struct
from pathlib import Path

import pytest
from pyarrow import parquet

from helpers.strategies import resident
from helpers.tables import plan_of, write_csv
from keras_sentiment.cluster.part_files import output_folder
from keras_sentiment.errors import InputError

ROWS = 7  # of a part

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
def test_what_is_no_regular_file_is_refused_by_name(plan, out, mine, name, kind, overwrite):
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


def test_a_plan_of_any_size_is_read_as_far_as_ours(plan, out):
    with (out / "_plan.json").open("r+b") as file:
        file.truncate(1 << 40)  # a hole
    with pytest.raises(InputError, match="predictions for another input"), output_folder(out, plan, False):
        pass


def test_a_part_that_claims_much_is_not_whole_and_takes_no_memory(plan, out):
    """Its footer begins a list of a million entries, 200 MB of memory, and has none."""
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
def test_a_file_that_is_called_almost_as_a_part_stays(plan, out, name, overwrite):
    (out / name).write_text("mine")
    with (
        pytest.raises(InputError, match="files that this command did not write"),
        output_folder(out, plan, overwrite),
    ):
        pass
    assert (out / name).read_text() == "mine"


def test_a_part_beyond_the_plan_is_refused_by_name(plan, out):
    (out / "part-000003.parquet").write_text("mine")
    with (
        pytest.raises(InputError, match=r"part-000003.parquet: it does not belong"),
        output_folder(out, plan, False),
    ):
        pass
    assert (out / "part-000003.parquet").read_text() == "mine"
    with output_folder(out, plan, True):
        assert {path.name for path in out.iterdir()} == {"_plan.json"}
