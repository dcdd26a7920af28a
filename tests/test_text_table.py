"""Columns of tables align, whatever stands in them."""

import pytest
from rich.cells import cell_len

from keras_sentiment.text_table import MAX_WIDTH, text_table

pytestmark = pytest.mark.once


def test_columns_align_with_wide_letters_marks_and_controls():
    names = ["a", "良い", "e\u0301te\u0301", "very long name", "bad\x1b[2J\nname"]
    lines = text_table([("label", "texts"), *((name, "7") for name in names)])
    assert len({cell_len(line) for line in lines}) == 1
    assert not any("\x1b" in line or "\n" in line for line in lines)


def test_first_columns_align_to_the_left():
    assert text_table([("a", "b", "1"), ("aa", "bb", "22")], left=2) == ["a   b    1", "aa  bb  22"]


@pytest.mark.parametrize("name", ["x" * 200, "映画" * 50, "a\u0301" * 90, "\x1b" * 40])
def test_a_long_cell_is_cut(name):
    lines = text_table([("label", "texts"), (name, "7")])
    assert {cell_len(line) for line in lines} == {MAX_WIDTH + 2 + len("texts")}
    assert lines[1].endswith("…      7")
    assert text_table([("x" * MAX_WIDTH, "7")]) == ["x" * MAX_WIDTH + "  7"]
