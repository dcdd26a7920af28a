"""Class numbers and the class names in a schema."""

import json

import pyarrow
import pytest
from pyarrow import parquet

from helpers.readers import error_of
from keras_sentiment.data.config import PrepareConfig
from keras_sentiment.data.readers.bad_rows import BadRows
from keras_sentiment.data.readers.sources import read

pytestmark = pytest.mark.once


def test_a_list_of_one_class_becomes_that_class(tmp_path):
    """The Parquet files of GoEmotions have such lists."""
    features = {"labels": {"feature": {"names": ["joy", "grief"], "_type": "ClassLabel"}, "_type": "List"}}
    table = pyarrow.table({"text": ["a", "b", "c"], "labels": [[1], [0, 1], [0]]})
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    parquet.write_table(table, tmp_path / "it.parquet")
    bad_rows = BadRows("skip", quiet=True)
    config = PrepareConfig(label_column="labels")
    found = list(read(tmp_path / "it.parquet", config, bad_rows=bad_rows))
    assert [(review.text, review.label) for review in found] == [("a", "grief"), ("c", "joy")]
    assert "it.parquet:2: column 'labels' has several values (\"['joy', 'grief']\")" in error_of(
        tmp_path / "it.parquet", config
    )


def test_class_numbers_become_the_names_of_the_schema(tmp_path):
    metadata = {"info": {"features": {"label": {"names": ["no", "yes"], "_type": "ClassLabel"}}}}
    table = pyarrow.table({"text": ["a", "b", "c", "d"], "label": [1, 0, -1, 7]})
    table = table.replace_schema_metadata({"huggingface": json.dumps(metadata)})
    parquet.write_table(table, tmp_path / "it.parquet")
    for source in (tmp_path / "it.parquet", table):
        bad_rows = BadRows("skip", quiet=True)
        assert [review.label for review in read(source, bad_rows=bad_rows)] == ["yes", "no"]
        assert bad_rows.count == 2
