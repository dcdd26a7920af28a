"""Tables read in parts."""

from keras_sentiment.cluster.part_reader import PartReader
from keras_sentiment.cluster.partition import partition
from keras_sentiment.data.config import TableConfig

ROWS = 4


def table_config(text_format, column="text"):
    return TableConfig(text_column=column, input_format=text_format)


def in_parts(path, text_format, column="text", skip=None):
    """The tables of all parts, each read by a new reader."""
    parts = partition([path], table_config(text_format, column), skip)
    assert [part.rows for part in parts.parts[:-1]] == [ROWS] * (len(parts.parts) - 1)
    return [PartReader(parts).read(part) for part in parts.parts]
