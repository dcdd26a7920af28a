"""Sources for the tests of readers."""

from pathlib import Path

import pytest

from keras_sentiment.data.config import TableConfig
from keras_sentiment.data.readers.sources import read
from keras_sentiment.data.readers.tables import open_table, with_texts
from keras_sentiment.errors import InputError

REVIEWS = {
    "train/neg/0_2.txt": "Dreadful.<br /><br />Truly",
    "train/neg/2_1.txt": "a bore",
    "train/neg/10_3.txt": "an “awful” cliché",
    "train/pos/0_9.txt": "lovely",
    "train/pos/1_7.txt": "moving",
    "test/neg/0_4.txt": "flat",
    "test/pos/0_10.txt": "superb",
}


def write_tree(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def write_file(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read_texts(file, name, text_format, column):
    """The number of each row of an unlabelled table, and its text or error."""
    config = TableConfig(text_column=column, input_format=text_format)
    with open_table(file, name, config, {column: "--text-column"}) as table:
        for number, row in with_texts(table.rows(), column, name):
            yield number, row if isinstance(row, InputError) else row[column]


def error_of(source, config=None) -> str:
    with pytest.raises(InputError) as caught:
        list(read(source, config, quiet=True))
    message = str(caught.value)
    assert "\n" not in message
    return message
