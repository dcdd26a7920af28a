"""Rows of tables: their numbers, and the errors of single rows."""

import csv
import io
import json

import pyarrow
import pytest
from pyarrow import parquet

from helpers.readers import error_of, read_texts
from keras_sentiment.data.config import PrepareConfig
from keras_sentiment.data.readers.sources import read
from keras_sentiment.errors import InputError

pytestmark = pytest.mark.once


def rows_of(content, text_format, column="text"):
    """The rows of a file: the text or the error message of each."""
    found = read_texts(io.BytesIO(content), "it", text_format, column)
    return [(n, str(text) if isinstance(text, InputError) else (text,)) for n, text in found]


@pytest.mark.parametrize("text_format", ["csv", "tsv", "jsonl", "parquet"])
def test_tables_need_no_labels(text_format):
    texts = ['so "good",\tthey said', "two\nlines – é", "x" * 300_000]
    file = io.BytesIO()
    if text_format == "parquet":
        parquet.write_table(pyarrow.table({"id": [1, 2, 3], "review": texts}), file, row_group_size=2)
    elif text_format == "jsonl":
        file.write(b"\r\n".join(json.dumps({"review": text}).encode() for text in texts))
    else:
        wrapper = io.TextIOWrapper(file, "utf-8-sig", newline="")
        writer = csv.writer(wrapper, delimiter={"csv": ",", "tsv": "\t"}[text_format])
        writer.writerows([("review", "stars"), *((text, 1) for text in texts)])
        wrapper.detach()
    found = rows_of(file.getvalue(), text_format, "review")
    lines = [2, 3, 5] if text_format in ("csv", "tsv") else [1, 2, 3]
    assert found == [(line, (text,)) for line, text in zip(lines, texts, strict=True)]


def test_every_line_of_a_text_file_is_a_row():
    content = '\ufeffgood\r\n\nbad\rfilm\n \u2028\x0c, "\n\r\nlast'.encode()
    found = [text for _, (text,) in rows_of(content, "txt")]
    assert found == ["good", "", "bad\rfilm", ' \u2028\x0c, "', "", "last"]
    assert [number for number, _ in rows_of(content, "txt")] == [1, 2, 3, 4, 5, 6]
    assert rows_of(b"", "txt") == []
    assert rows_of(b"a\n", "txt") == [(1, ("a",))]
    assert rows_of(b"x" * 5_000_000, "txt") == [(1, ("x" * 5_000_000,))]


BAD_ROWS = [
    ("txt", b"a\nb\xe9\n\0\nd", {2: "byte 2 is not UTF-8"}, {1: "a", 3: "\0", 4: "d"}),
    ("jsonl", b'{"text": "a"}\n{\n\n[1]\n{"texts": ""}\n{"text": 3}\n"\xff"\n{"text": "b", "c": 1}',
     {2: "not JSON", 4: "of type list and not an object", 5: "the row has no column 'text'",
      6: "is of type int", 7: "byte 2"},
     {1: "a", 8: "b"}),
    # The second and third line of the first record can't be decoded; the record ends at its closing quote.
    ("csv", b'id,text\n1,"a\n\xff\n\xff",\n2,b\n\n3\n4,c,d\n5,"e" f\n6,g\n',
     {2: "byte 1 is not UTF-8", 7: "1 instead of 2", 8: "3 instead of 2", 9: "put quotes around the review"},
     {5: "b", 10: "g"}),
    # An unclosed quote makes one record of all lines up to the next quote.
    ("csv", b'id,text\n1,"a\n2,b\n3,"c"\n4,d\n5,"e\n6,f\n',
     {2: "read up to line 4", 6: "read up to line 7"}, {5: "d"}),
]  # fmt: skip


@pytest.mark.parametrize(("text_format", "content", "bad", "good"), BAD_ROWS)
def test_rows_after_a_bad_row_are_read(tmp_path, text_format, content, bad, good):
    found = dict(rows_of(content, text_format))
    assert list(found) == sorted({*bad, *good})
    for number, text in good.items():
        assert found[number] == (text,)
    for number, expected in bad.items():
        assert f"it:{number}" in found[number] or "UTF-8" in expected
        assert expected in found[number]
        assert "\n" not in found[number]


def test_prepare_and_predict_have_the_same_message(tmp_path):
    path = tmp_path / "it.jsonl"
    path.write_bytes(b'{"text": "a", "label": 1}\n{"text": null, "label": 1}\n')
    reviews = read(path, PrepareConfig())
    assert next(reviews).text == "a"
    with pytest.raises(InputError) as raised:
        next(reviews)
    told = str(raised.value).replace("it.jsonl", "it")
    assert (2, told.removesuffix("; or leave it out with --on-error skip")) == rows_of(
        path.read_bytes(), "jsonl"
    )[1]


def test_bad_parquet_cells_are_reported():
    column = pyarrow.array([b"good", b"\xff", None, b"bad"]).view(pyarrow.string())
    file = io.BytesIO()
    parquet.write_table(pyarrow.table({"text": column}), file)
    found = dict(rows_of(file.getvalue(), "parquet"))
    assert (found[1], found[4]) == (("good",), ("bad",))
    assert found[2].startswith("it:2: a text is not UTF-8")
    assert found[3].startswith("it:3: column 'text' is empty")


@pytest.mark.parametrize(
    ("text_format", "content", "expected"),
    [
        ("csv", b"review\na\n", "it: there is no column 'text', only 'review'; name one with --text-column"),
        ("csv", b"text,text\na,b\n", "it has two columns 'text'"),
        ("csv", b"t\xff,text\na,b\n", "it:1: byte 2 is not UTF-8"),
        ("tsv", b'"text" a\nb\n', "it:1: "),
        ("parquet", b"text\na\n", "it: it is not a readable Parquet file"),
    ],
)
def test_errors_of_a_whole_table_are_raised(text_format, content, expected):
    with pytest.raises(InputError, match=expected):
        rows_of(content, text_format)


def test_the_message_about_a_long_number_names_no_python_function(tmp_path):
    row = '{"text": "a", "label": ' + "9" * 5000 + "}"
    for name, content in (("it.jsonl", f"{row}\n{row}\n"), ("it.json", f"[{row}]")):
        (tmp_path / name).write_text(content)
        message = error_of(tmp_path / name)
        assert "a whole number of more than 4,300 digits; write it as text" in message
        assert "set_int_max" not in message
