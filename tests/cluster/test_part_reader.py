"""Parts are read as the table was cut, or what changed is named."""

import json

import pyarrow
import pytest
from pyarrow import parquet

from helpers.parts import in_parts, table_config
from keras_sentiment.cluster.part_reader import PartReader
from keras_sentiment.cluster.partition import partition
from keras_sentiment.errors import InputError

pytestmark = pytest.mark.once


def test_a_number_that_its_column_cannot_hold_is_named(tmp_path):
    path = tmp_path / "it.jsonl"
    values = [2**53 + 1, 2, 3, 4, 0.5]
    path.write_text("".join(json.dumps({"text": "a", "n": value}) + "\n" for value in values))
    with pytest.raises(InputError, match="column 'n' holds what can't be double"):
        in_parts(path, "jsonl")


@pytest.mark.parametrize("text_format", ["csv", "parquet"])
def test_a_file_that_changes_meanwhile_is_told(tmp_path, text_format):
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
