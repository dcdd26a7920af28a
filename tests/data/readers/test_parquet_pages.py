"""Parquet files with a forged footer or forged page headers, written byte by byte."""

import pyarrow
import pytest
from pyarrow.parquet import ParquetWriter

from helpers.memory import at_most
from helpers.readers import error_of, write_file
from keras_sentiment.data.readers import parquet_pages, parquet_sizes
from keras_sentiment.data.readers.sources import read

pytestmark = pytest.mark.once
I32, I64, BINARY, LIST, STRUCT = 5, 6, 8, 9, 12


def varint(number):
    found = b""
    while number > 127:
        found, number = found + bytes([number & 127 | 128]), number >> 7
    return found + bytes([number])


def signed(number):
    return varint(2 * number)


def text(content):
    return varint(len(content)) + content


def items(kind, values):
    return bytes([0xF0 | kind]) + varint(len(values)) + b"".join(values)


def struct(*fields):
    """A struct in Thrift's compact protocol; each field is a number, a type and bytes."""
    return b"".join(bytes([kind]) + signed(number) + value for number, kind, value in fields) + b"\0"


def page(values=0, *more):
    """The header of an empty page."""
    numbers = [(1, I32, signed(values)), *((number, I32, signed(3 * (number > 2))) for number in (2, 3, 4))]
    about = [(number, I32, signed(0)) for number in (1, 2, 3)]
    return struct(*about, (5, STRUCT, struct(*numbers)), *more)


def chunk(name, start, size, values=1):
    about = [
        (1, I32, signed(6)),
        (2, LIST, items(I32, [signed(0)])),
        (3, LIST, items(BINARY, [text(name)])),
        *((4, I32, signed(0)), (5, I64, signed(values)), (6, I64, signed(size)), (7, I64, signed(size))),
        (9, I64, signed(start)),
    ]
    return struct((2, I64, signed(start)), (3, STRUCT, struct(*about)))


def parquet(path, pages, groups, *more):
    """A file of pages; its footer has the given row groups, each with the places of its two columns."""
    leaf = [(1, I32, signed(6)), (3, I32, signed(0)), (6, I32, signed(0))]
    schema = [
        struct((4, BINARY, text(b"schema")), (5, I32, signed(2))),
        *(struct(*leaf[:2], (4, BINARY, text(name)), leaf[2]) for name in (b"text", b"label")),
    ]
    found = []
    for places in groups:
        columns = [chunk(name, *place) for name, place in zip((b"text", b"label"), places, strict=True)]
        found.append(struct((1, LIST, items(STRUCT, columns)), (2, I64, signed(1)), (3, I64, signed(1))))
    footer = struct(
        *((1, I32, signed(1)), (2, LIST, items(STRUCT, schema)), (3, I64, signed(len(groups)))),
        (4, LIST, items(STRUCT, found)),
        *more,
    )
    return write_file(path, b"PAR1" + pages + footer + len(footer).to_bytes(4, "little") + b"PAR1")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "it.parquet"


def test_overlapping_column_chunks_are_refused(path):
    pages = (page() * 24 + page(1)) * 2
    half, size = len(pages) // 2, len(pages)
    for groups in (
        [[(4, half), (4 + half, half)]] * 1000,
        [[(4, size), (4, size)]],
        [[(4, half), (4 + half - 1, half)]],
    ):
        assert "(columns of row groups overlap)" in error_of(parquet(path, pages, groups))
    assert "ends after the end of the file" in error_of(
        parquet(path, pages, [[(4, half), (4 + half, 1 << 40)]])
    )
    # Without an overlap, the file is read; it has no rows.
    assert "it has no reviews" in error_of(parquet(path, pages, [[(4, half), (4 + half, half)]]))


def test_too_many_pages_for_the_file_size_are_refused(path, monkeypatch):
    monkeypatch.setattr(parquet_sizes, "FREE_PAGES", 60)
    pages = (page() * 24 + page(1)) * 2
    half = len(pages) // 2
    whole = [[(4, half), (4 + half, half)]]
    assert "it has no reviews" in error_of(parquet(path, pages, whole))
    # A chunk of size 0 is searched for pages too, because some writers store sizes that are too small.
    empty = [[(4 + half, 0), (4 + half, 0)]] * 10
    assert "it has too many pages for its size" in error_of(parquet(path, pages, whole + empty))


def test_a_page_that_ends_after_its_column_is_refused(path):
    pages = page(0, (9, BINARY, text(b"x" * 1000))) + page(1)
    groups = [[(4, 10), (len(pages) - 5, 5)]]
    assert "a page ends after the end of its column" in error_of(parquet(path, pages, groups))


def test_a_page_header_with_too_many_values_is_refused(path):
    pages = page(1, (9, LIST, items(I32, [signed(0)] * parquet_pages.MAX_HEADER_VALUES)))
    groups = [[(4, len(pages)), (4 + len(pages), len(pages))]]
    assert "its footer or a page header has too many values" in error_of(parquet(path, pages * 2, groups))


def test_a_footer_with_too_many_values_is_refused(path):
    many = parquet_pages.MAX_VALUES * 10
    file = parquet(path, page(), [], (9, LIST, bytes([0xF0 | I32]) + varint(many) + bytes(many)))
    with at_most(160 << 20):
        assert "its footer" in error_of(file)


def test_empty_row_groups_are_accepted(path):
    rows = pyarrow.table({"text": ["a film", "another"], "label": ["pos", "neg"]})
    with ParquetWriter(path, rows.schema) as file:
        for part in (rows[:0], rows[:1], rows[:0], rows[:0], rows[1:]):
            file.write_table(part)
    assert [review.text for review in read(path)] == ["a film", "another"]
