"""The output folder of `predict --engine ray` can be read as one Parquet table."""

import pandas as pd
import pyarrow
import pytest
from pyarrow import dataset, parquet

from keras_sentiment.cluster.part_files import PLAN_FILE

pytestmark = pytest.mark.once


def test_parquet_readers_ignore_the_plan(tmp_path):
    for part in range(2):
        parquet.write_table(
            pyarrow.table({"row": [2 * part, 2 * part + 1]}), tmp_path / f"part-{part:06}.parquet"
        )
    (tmp_path / PLAN_FILE).write_text("{}")
    expected = [0, 1, 2, 3]
    assert pd.read_parquet(tmp_path)["row"].tolist() == expected
    assert parquet.read_table(tmp_path)["row"].to_pylist() == expected
    assert dataset.dataset(tmp_path).to_table()["row"].to_pylist() == expected
