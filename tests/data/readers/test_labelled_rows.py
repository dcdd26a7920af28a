"""Labels of rows: exactly one label for each text."""

import json

import pytest

from helpers.readers import error_of
from keras_sentiment.data.config import PrepareConfig
from keras_sentiment.data.readers.bad_rows import BadRows
from keras_sentiment.data.readers.sources import read

pytestmark = pytest.mark.once


@pytest.mark.parametrize("several", ["2,5", "0, 13,15", " 1,2 ", "[2, 5]"])
def test_several_numbers_are_not_a_label(tmp_path, several):
    path = tmp_path / "it.tsv"
    path.write_text(f"text\tlabel\ngood\t2\nbad\t{several}\nfine\t5\n")
    expected = f"it.tsv:3: column 'label' has several values ('{several.strip()}'); write one name"
    assert error_of(path).startswith(expected)
    bad_rows = BadRows("skip", quiet=True)
    assert [review.label for review in read(path, bad_rows=bad_rows)] == ["2", "5"]
    assert bad_rows.count == 1


def test_rows_with_several_labels_are_one_kind_of_error(tmp_path):
    path = tmp_path / "it.tsv"
    path.write_text("text\tlabel\na\t2,5\nb\t2\nc\t1\nd\t1,2\ne\t0,5,7\n")
    assert "(also it.tsv:5, it.tsv:6)" in error_of(path)


def test_labels_and_groups_may_have_commas(tmp_path):
    path = tmp_path / "it.jsonl"
    rows = [{"text": "a", "label": label, "price": "1,299"} for label in ("Arts, Crafts", "4 of 5", "a,1")]
    path.write_text("\n".join(map(json.dumps, rows)))
    found = list(read(path, PrepareConfig(group_column="price")))
    assert [review.label for review in found] == ["Arts, Crafts", "4 of 5", "a,1"]
    assert {review.group for review in found} == {"1,299"}


def test_a_list_in_a_text_is_not_taken_for_rows(tmp_path):
    """The lines have as many fields as a row, but no label of another row."""
    path = tmp_path / "it.csv"
    text = "In short:\nActing, good\nPlot, good\nMusic, bad\nand so on"
    path.write_text(f'text,label\na film,positive\nanother,negative\n"{text}",positive\n')
    assert [review.text for review in read(path)] == ["a film", "another", text]
