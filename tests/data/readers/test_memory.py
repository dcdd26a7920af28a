"""Reading of objects in memory, and the messages about unknown ones."""

import numpy as np
import pandas
import polars
import pyarrow
import pytest

from keras_sentiment.data.readers.sources import read
from keras_sentiment.errors import InputError

pytestmark = pytest.mark.once
ROWS = [{"text": "a", "label": "pos"}, {"text": "b", "label": "neg"}]


@pytest.mark.parametrize("source", [ROWS, polars.LazyFrame(ROWS), iter(ROWS)])
def test_rows_as_dictionaries_are_read(source):
    assert [{"text": r.text, "label": r.label} for r in read(source)] == ROWS


def test_arrays_in_a_frame_are_several_labels():
    frame = pandas.DataFrame({"text": ["a", "b"], "label": [np.array([1, 0]), np.array([1])]})
    with pytest.raises(InputError, match=r"row 1: column 'label' has several values \('\[1, 0\]'\)"):
        list(read(frame))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (polars.Series(["a"]), "the object of type Series is not a table"),
        (pyarrow.chunked_array([["a"]]), "the object of type ChunkedArray is not a table"),
        (
            {"train": "a.csv", "test": "b.csv"},
            "the split train of the dataset is the name of a file; give files",
        ),
        ([{"text": "a"}], "pair 1: column 'label' is empty"),
    ],
)
def test_objects_that_are_not_a_source_are_refused(source, message):
    with pytest.raises(InputError, match=message):
        list(read(source))
