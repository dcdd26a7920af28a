"""Reading of parts, and the messages about files that have changed."""

import json
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from helpers.parts import in_parts, table_config
from helpers.strategies import resident
from keras_sentiment.cluster import part_reader
from keras_sentiment.cluster import partition as partition_module
from keras_sentiment.cluster.part_reader import PartReader
from keras_sentiment.cluster.partition import partition
from keras_sentiment.errors import InputError

pytestmark = pytest.mark.once


def test_a_number_that_does_not_fit_the_column_type_is_an_error(tmp_path):
    path = tmp_path / "it.jsonl"
    values = [2**53 + 1, 2, 3, 4, 0.5]
    path.write_text("".join(json.dumps({"text": "a", "n": value}) + "\n" for value in values))
    with pytest.raises(InputError, match="column 'n' has a value that is not double"):
        in_parts(path, "jsonl")


@pytest.mark.parametrize("text_format", ["csv", "parquet"])
def test_a_file_that_has_changed_is_an_error(tmp_path, text_format):
    path = tmp_path / f"it.{text_format}"

    def write(texts):
        if text_format == "parquet":
            parquet.write_table(pyarrow.table({"text": texts}), path)
        else:
            path.write_text("\n".join(["text", *texts]))

    write(["aa"] * 6)
    parts = partition([path], table_config(text_format))
    content = path.read_bytes()
    write(["aa"] * 7 + ["bbbbbb"])
    with pytest.raises(InputError, match="has changed"):
        PartReader(parts).read(parts.parts[1])
    path.write_bytes(b"\n" * len(content))
    with pytest.raises(InputError, match="has changed"):
        PartReader(parts).read(parts.parts[1])
    path.unlink()
    with pytest.raises(InputError, match="can't read it"):
        PartReader(parts).read(parts.parts[1])


def test_large_other_columns_are_refused_in_bounded_memory(tmp_path, monkeypatch):
    """A few kilobytes that decompress to 2 GB: the texts are short, but a worker reads all columns."""
    monkeypatch.setattr(partition_module, "PART_ROWS", 2000)
    monkeypatch.setattr(part_reader, "MAX_PART_BYTES", 64 << 20)
    path = tmp_path / "it.parquet"
    large = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 2000, "int32"), ["x" * (1 << 20)])
    parquet.write_table(pyarrow.table({"text": ["a"] * 2000, "large": large}), path, compression="zstd")
    assert path.stat().st_size < 100_000
    parts = partition([path], table_config("parquet"))
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    before = resident(status, "VmRSS")
    reset.write_text("5")
    with pytest.raises(InputError, match=r"rows 1 to 2,000 have more than 64 MiB; leave out large columns"):
        PartReader(parts).read(parts.parts[0])
    assert resident(status, "VmHWM") - before < 250 << 20
