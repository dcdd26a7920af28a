"""Tables that are small on disk and large in memory are read or refused in bounded memory."""

import gzip
import json
import re
import struct

import pyarrow
import pytest
from pyarrow import feather, ipc, parquet

from helpers.memory import at_most
from helpers.readers import error_of, write_file
from keras_sentiment.data.config import TableConfig
from keras_sentiment.data.readers.bad_rows import BadRows
from keras_sentiment.data.readers.sources import read
from keras_sentiment.data.readers.tables import ALL, open_named
from keras_sentiment.data.reviews import MAX_REVIEW_BYTES
from keras_sentiment.errors import InputError

pytestmark = pytest.mark.once
MEMORY = 200 << 20
LABELS = ["pos", "neg"]


def opened(path):
    return open_named(path, TableConfig(), {"text": "--text-column"})


def repeated(size, rows):
    """A table with the same text in all rows, stored once in memory."""
    text = pyarrow.array(["good film " * (size // 10)])
    numbers = pyarrow.array([0] * rows, "int32")
    text = pyarrow.DictionaryArray.from_arrays(numbers, text)
    return pyarrow.table({"text": text, "label": (LABELS * rows)[:rows]})


def test_a_large_text_shared_by_all_rows_is_decoded_in_bounded_memory(tmp_path):
    path = tmp_path / "it.parquet"
    for size, rows in ((1 << 20, 5000), (10 << 20, 2000)):
        parquet.write_table(repeated(size, rows), path, compression="zstd", store_schema=False)
        assert path.stat().st_size < 10_000
        with at_most(MEMORY):
            assert "it.parquet: its decompression ratio is above 1,000" in error_of(path)
        feather.write_feather(repeated(size, rows), tmp_path / "it.feather")
        with at_most(MEMORY):
            assert "it.feather: its decompression ratio is above 1,000" in error_of(
                path.with_suffix(".feather")
            )


@pytest.mark.parametrize(
    "options",
    [
        {"use_dictionary": False},
        {"use_dictionary": False, "column_encoding": {"text": "DELTA_LENGTH_BYTE_ARRAY"}},
        {"use_dictionary": False, "column_encoding": {"text": "DELTA_BYTE_ARRAY"}},
        {"data_page_version": "2.0"},
        {},
    ],
)
def test_a_huge_parquet_value_is_not_decompressed(tmp_path, options):
    path = tmp_path / "it.parquet"
    texts = ["a" * (64 << 20), "b"]
    parquet.write_table(pyarrow.table({"text": texts, "label": LABELS}), path, compression="zstd", **options)
    del texts
    assert path.stat().st_size < 50_000
    with at_most(MEMORY // 4):
        message = error_of(path)
    assert "it.parquet: column 'text' has a page of" in message


def test_pages_of_one_large_value_are_decoded_one_by_one(tmp_path):
    path = tmp_path / "it.parquet"
    text = "a" * (4 << 20)
    schema = pyarrow.schema([("text", pyarrow.string()), ("label", pyarrow.string())])
    table = pyarrow.table({"text": [text] * 64, "label": LABELS * 32}, schema)
    # Each row has a page of its own, which takes a few bytes.
    parquet.write_table(
        table, path, compression="zstd", use_dictionary=False, data_page_size=1, write_batch_size=1
    )
    del table
    with at_most(MEMORY):
        assert "its decompression ratio is above" in error_of(path)


@pytest.mark.parametrize("name", ["it.parquet", "it.feather"])
def test_a_row_with_a_value_that_is_too_large_can_be_left_out(tmp_path, name):
    path = tmp_path / name
    texts = ["a film", "x" * (MAX_REVIEW_BYTES + 1), "x" * MAX_REVIEW_BYTES, "another film"]
    table = pyarrow.table({"text": texts, "label": LABELS * 2})
    if name.endswith("parquet"):
        parquet.write_table(table, path, use_dictionary=False, compression="none")
    else:
        feather.write_feather(table, path, compression="uncompressed")
    assert f"{name}:2: column 'text' has more than 16,777,216 bytes; remove the row" in error_of(path)
    bad_rows = BadRows("skip", quiet=True)
    assert [len(review.text) for review in read(path, bad_rows=bad_rows)] == [6, MAX_REVIEW_BYTES, 12]
    assert bad_rows.count == 1


def test_lists_of_nulls_are_counted_as_memory(tmp_path):
    count = 40 << 20
    lists = pyarrow.ListArray.from_arrays(pyarrow.array([0, count], "int32"), pyarrow.nulls(count, "int64"))
    path = tmp_path / "it.parquet"
    parquet.write_table(pyarrow.table({"text": ["a film"], "list": lists}), path)
    assert path.stat().st_size < 5000
    with (
        at_most(MEMORY),
        pytest.raises(InputError, match="column 'list' has 41,943,040 list values"),
        opened(path) as table,
    ):
        list(table.rows(ALL))
    # Without this column, the rows are read.
    with opened(path) as table:
        assert [row for _, row in table.rows()] == [{"text": "a film"}]
    nothing = pyarrow.ListArray.from_arrays(pyarrow.array([0, count], "int32"), pyarrow.nulls(count))
    path = tmp_path / "it.arrow"
    table = pyarrow.table({"text": ["a film"], "list": nothing})
    with ipc.new_file(path, table.schema) as writer:
        writer.write_table(table)
    assert path.stat().st_size < 5000
    with at_most(MEMORY), opened(path) as table:
        ((_, row),) = table.rows(ALL)
    assert "column 'list' has more than" in str(row)


def test_nulls_of_a_fixed_size_type_are_counted_as_memory(tmp_path):
    wide = pyarrow.nulls(16, pyarrow.binary(20 << 20))
    path = tmp_path / "it.parquet"
    parquet.write_table(pyarrow.table({"text": ["a film"] * 16, "wide": wide}), path)
    del wide
    assert path.stat().st_size < 5000
    with (
        at_most(MEMORY),
        pytest.raises(InputError, match="column 'wide' has values of 20,971,520 bytes"),
        opened(path) as table,
    ):
        list(table.rows(ALL))


def test_a_huge_arrow_batch_is_not_decompressed(tmp_path):
    table = pyarrow.table({"text": ["a" * (4 << 20)] * 64, "label": LABELS * 32})
    for compression_name in ("zstd", "lz4"):
        feather.write_feather(table, tmp_path / "it.feather", compression=compression_name)
        options = ipc.IpcWriteOptions(compression=compression_name)
        with ipc.new_stream(tmp_path / "it.arrow", table.schema, options=options) as writer:
            writer.write_table(table)
        for path in (tmp_path / "it.feather", tmp_path / "it.arrow"):
            with at_most(MEMORY // 4):
                assert "a batch has 268" in error_of(path)
    dictionary = pyarrow.table(
        {"text": table["text"].combine_chunks().dictionary_encode(), "label": table["label"]}
    )
    assert len(dictionary["text"].chunk(0).dictionary) == 1
    feather.write_feather(dictionary, tmp_path / "it.feather", compression="zstd")
    with at_most(MEMORY):
        assert "its decompression ratio is above" in error_of(tmp_path / "it.feather")


def test_arrow_offsets_out_of_range_are_refused(tmp_path):
    path = tmp_path / "it.arrow"
    table = pyarrow.table({"text": ["abcdefgh", "ijklmnop"], "label": LABELS})
    with ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table)
    data, offsets = path.read_bytes(), b"".join(n.to_bytes(4, "little") for n in (0, 8, 16))
    assert data.count(offsets) == 1
    path.write_bytes(data.replace(offsets, offsets[:8] + (1 << 30).to_bytes(4, "little")))
    assert "not a readable Arrow file" in error_of(path)


def test_every_format_refuses_a_text_that_is_too_long(tmp_path):
    large = "x" * (MAX_REVIEW_BYTES + 1)
    line = json.dumps({"text": large, "label": "pos"})
    good = json.dumps({"text": "a film", "label": "neg"})
    for name, content in (
        ("it.csv", f"text,label\na film,neg\n{large},pos\n"),
        ("it.tsv", f"text\tlabel\na film\tneg\n{large}\tpos\n"),
        ("it.jsonl", f"{good}\n{line}\n"),
        ("it.json", f"[{good},\n{line}]"),
    ):
        path = write_file(tmp_path / name, content)
        assert name in (message := error_of(path))
        assert ":2" in message or ":3" in message
        file = write_file(tmp_path / f"{name}.gz", gzip.compress(content.encode(), 1))
        assert "16777216" in error_of(file).replace(",", "")


@pytest.mark.parametrize(
    ("name", "start", "unit", "end"),
    [
        ("it.jsonl", '{"text": [', "{},", "0]}"),
        ("it.jsonl", '{"text": [', "0,", "0]}"),
        ("it.json", '[{"text": [', "[],", "0]}]"),
        ("it.csv", "text,label\n", ",", "\n"),
        ("it.csv", 'text,label\n"', 'a","b\n', '"\n'),
        ("it.csv", "text,label\n", '"\n",', "\n"),
        ("it.csv", 'text,label\n"', "a,b\n", '",neg\n'),
        ("it.csv", 'text,label\n"\\" a",pos\n"', "\\\\", '",neg\n'),
        ("it.csv", 'text,label\n"', "\xff\n", '",neg\n'),
        ("it.tsv", "", "a\t", "\n"),
        ("it.txt", "", "a,", "\n"),
    ],
)
def test_a_row_of_many_values_is_refused_in_bounded_memory(tmp_path, name, start, unit, end):
    content = (start + unit * ((30 << 20) // len(unit)) + end).encode("latin-1")
    path = write_file(tmp_path / f"{name}.gz", gzip.compress(content, 1))
    del content
    with at_most(MEMORY):
        assert name in error_of(path)


@pytest.mark.parametrize("name", ["it.csv", "it.jsonl", "it.json"])
def test_the_largest_text_is_read(tmp_path, name):
    large = "x" * MAX_REVIEW_BYTES
    row = json.dumps({"text": large, "label": "pos"})
    content = {"it.csv": f'text,label\n"{large}",pos\n', "it.jsonl": row, "it.json": f"[{row}]"}[name]
    path = write_file(tmp_path / name, content)
    del content, row
    with at_most(MEMORY):
        (review,) = read(path)
        assert review.text == large


@pytest.mark.parametrize("nested", [b"\x19", b"\x1c"])
def test_a_deeply_nested_footer_is_refused(tmp_path, nested):
    # A list in a list, or a struct in a struct, and so on.
    footer = nested * 100_000
    content = b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1"
    assert "not a readable Parquet file" in error_of(write_file(tmp_path / "it.parquet", content))


def test_overlapping_arrow_batches_are_refused(tmp_path):
    path = tmp_path / "it.arrow"
    table = pyarrow.table({"text": ["a film"] * 4, "label": LABELS * 2})
    for packed_with in (None, "lz4"):
        options = ipc.IpcWriteOptions(compression=packed_with)
        with ipc.new_file(path, table.schema, options=options) as writer:
            writer.write_table(table, max_chunksize=2)
        assert len(list(read(path))) == 4
        data = path.read_bytes()
        # For each batch, the footer has its offset and the sizes of its header and its body.
        blocks = [data.rindex(struct.pack("<qi", place, size)) for place, size in blocks_of(path)]
        first, second = sorted(blocks, key=lambda place: data[place : place + 8])
        path.write_bytes(data[:second] + data[first : first + 24] + data[second + 24 :])
        assert "it.arrow: it is not a readable Arrow file (batches overlap)" in error_of(path)


def blocks_of(path):
    """The offset of each batch of an Arrow file and the size of its header, in ascending order."""
    data = path.read_bytes()
    starts = [found.start() for found in re.finditer(b"\xff\xff\xff\xff", data)]
    # The first message is the schema; the last one marks the end.
    return [(place, 8 + int.from_bytes(data[place + 4 : place + 8], "little")) for place in starts[1:-1]]


def test_a_huge_unused_arrow_column_is_refused(tmp_path):
    path = tmp_path / "it.feather"
    table = pyarrow.table(
        {"text": ["a film"] * 64, "label": LABELS * 32, "other": pyarrow.array([b"\0" * (1 << 20)] * 64)}
    )
    with ipc.new_file(path, table.schema, options=ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
        writer.write_table(table)
    assert path.stat().st_size < 50_000
    assert "its decompression ratio is above 1,000" in error_of(path)


def json_file(path, text):
    row = f'{{"text": "{text}", "label": "pos"}}'
    return write_file(path, row if path.suffix == ".jsonl" else f"[{row}]")


@pytest.mark.parametrize(("name", "character"), [("it.jsonl", "\U0001f600"), ("it.json", "é")])
def test_the_largest_text_is_read_with_and_without_escapes(tmp_path, name, character):
    size = len(character.encode())
    large = character * (MAX_REVIEW_BYTES // size)
    path = json_file(tmp_path / name, json.dumps(large)[1:-1])
    with at_most(MEMORY):
        (review,) = read(path)
        assert review.text == large
        del review
    assert [review.text for review in read(json_file(path, large))] == [large]
    json_file(path, json.dumps(large + character)[1:-1])
    assert f"column 'text' has {MAX_REVIEW_BYTES + size:,} bytes" in error_of(path)


@pytest.mark.parametrize(
    ("name", "unit", "expected"),
    [
        ("it.jsonl", "x", "more than 33,554,432 characters"),
        ("it.jsonl", "é", "more than 33,554,432 bytes"),
        ("it.jsonl", "\\\\u0041", "more than 33,554,432 characters"),
        ("it.jsonl", "\\u0041\\\\", "more than 33,554,432 characters"),
        ("it.jsonl", "\\ud83d\\ude00x\\n", "and at most 16,777,216"),
        ("it.json", "x", "more than 33,554,432 characters"),
        # One such character makes Python use four bytes for every character.
        ("it.jsonl", "\U0001f600" + "x" * ((31 << 20) - 4), "more than 17,301,504 characters"),
        ("it.json", "\U0001f600" + "x" * ((31 << 20) - 4), "more than 69,206,016 bytes"),
    ],
)
def test_large_lines_without_escapes_are_refused(tmp_path, name, unit, expected):
    path = json_file(tmp_path / name, unit * max(1, (60 << 20) // len(unit.encode())))
    with at_most(MEMORY):
        assert expected in error_of(path)


@pytest.mark.parametrize("kind", ["runs", "nulls", "dictionary", "parquet"])
def test_too_many_rows_for_the_file_size_are_refused(tmp_path, kind):
    rows = 1_000_000
    columns = {
        "runs": pyarrow.RunEndEncodedArray.from_arrays(pyarrow.array([rows], "int32"), ["a film"]),
        "nulls": pyarrow.nulls(rows),
        "dictionary": pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * rows, "int8"), ["a film"]),
        "parquet": pyarrow.array(["a film"] * rows),
    }
    table = pyarrow.table({"text": columns[kind], "label": columns["nulls"]})
    path = tmp_path / ("it.parquet" if kind == "parquet" else "it.arrow")
    if kind == "parquet":
        parquet.write_table(table, path)
    else:
        options = ipc.IpcWriteOptions(compression="zstd")
        with ipc.new_file(path, table.schema, options=options) as writer:
            writer.write_table(table)
    assert path.stat().st_size < 50_000
    seen = []
    with pytest.raises(InputError, match=r"1,000,000 rows in [\d,]+ bytes"), opened(path) as found:
        seen.extend(found.rows())
    assert not seen
