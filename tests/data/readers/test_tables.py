"""Tables of every format: the rows, and messages with file, row and column."""

import json
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from helpers.memory import at_most
from helpers.readers import error_of, write_tree
from keras_sentiment.data.config import PrepareConfig
from keras_sentiment.data.readers.sources import read
from keras_sentiment.data.reviews import MAX_REVIEW_BYTES

pytestmark = pytest.mark.once


def test_a_parquet_column_name_of_invalid_utf8_is_an_error(tmp_path):
    path = write_table(tmp_path, "parquet", [{"text": "a film", "label": "pos", "nonsense": "x"}])
    path.write_bytes(path.read_bytes().replace(b"nonsense", b"nons\x80nse"))
    assert "not a readable Parquet file" in error_of(path)


def test_a_forged_parquet_page_size_takes_no_memory(tmp_path):
    path = write_table(tmp_path, "parquet", [{"text": "a film", "label": "pos"}])
    # The header of the first page: its type, then its sizes, decompressed and compressed. The compressed size
    # is changed to 2**29.
    header, size = b"\x15\x04\x15\x14\x15", b"\x80\x80\x80\x80\x04"
    data = path.read_bytes()
    assert data[4:].startswith(header)
    path.write_bytes(data[:4] + header + size + data[4 + len(header) + 1 :])
    with at_most(100 << 20):
        assert "not a readable Parquet file" in error_of(path)


def test_texts_that_are_too_large_are_reported(tmp_path):
    large = "x" * (MAX_REVIEW_BYTES + 1)
    assert "b/1.txt: the review has 16,777,217 bytes" in error_of(
        write_tree(tmp_path / "folder", {"a/1.txt": "", "b/1.txt": large})
    )
    (tmp_path / "field.csv").write_text(f"text,label\n{large},pos\n")
    assert "field.csv:2" in error_of(tmp_path / "field.csv")
    for name, start in (("line.csv", "text,label\n"), ("line.jsonl", "")):
        (tmp_path / name).write_text(start + large * 5)
        assert f"{name}:{1 + start.count(chr(10))}: the line has more than" in error_of(tmp_path / name)
    (tmp_path / "header.csv").write_text(large)
    assert "header.csv: there is no column 'text'" in error_of(tmp_path / "header.csv")


def write_table(folder: Path, ending: str, rows: list[dict]) -> Path:
    path = folder / f"table.{ending}"
    if ending == "parquet":
        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif ending == "jsonl":
        path.write_text("\n".join(map(json.dumps, rows)) + "\n\n", "utf-8")
    else:
        separator = "," if ending == "csv" else "\t"
        lines = [rows[0], *(row.values() for row in rows)]
        quoted = [separator.join('"' + str(cell).replace('"', '""') + '"' for cell in line) for line in lines]
        path.write_text("\r\n".join(quoted), "utf-8-sig", newline="")
    return path


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_tables_of_every_kind(tmp_path, ending):
    rows = [
        {"id": 7, "review": 'so "good",\tthey said', "stars": 1, "film": "A"},
        {"id": 8, "review": "two\nlines – é", "stars": 0, "film": "B"},
        {"id": 9, "review": "x" * 300_000, "stars": 1, "film": "A"},
    ]
    path = write_table(tmp_path, ending, rows)
    reviews = list(read(path, PrepareConfig(text_column="review", label_column="stars", group_column="film")))
    assert [(r.text, r.label, r.group) for r in reviews] == [
        (row["review"], str(row["stars"]), row["film"]) for row in rows
    ]
    lines = [2, 3, 5] if ending in ("csv", "tsv") else [1, 2, 3]
    assert [r.source for r in reviews] == [f"{path.name}:{line}" for line in lines]
    message = error_of(path)
    assert "'text'" in message
    assert "'review'" in message
    assert "--text-column" in message
    assert path.name in message


def test_labels_are_names_or_whole_numbers(tmp_path):
    labels = [True, 3, 2.0, " joy ", ["fun"]]
    path = write_table(tmp_path, "jsonl", [{"text": "a", "label": label} for label in labels])
    assert [r.label for r in read(path)] == ["true", "3", "2", "joy", "fun"]
    wrong = [*((label, "is empty") for label in (None, "", " ", float("nan"), []))]
    wrong += [(2.5, "is of type float"), (["joy", "fun"], "has several values")]
    for label, expected in wrong:
        path = write_table(tmp_path, "jsonl", [{"text": "a", "label": "b"}, {"text": "a", "label": label}])
        assert error_of(path).startswith(f"table.jsonl:2: column 'label' {expected}")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'text,label\n"a\nb",pos\nc,d,neg\n', ":4: the row has 3 instead of 2 fields"),
        (b"text,label\na,pos\nb\n", ":3: the row has 1 instead of 2 fields"),
        (b'text,label\n\n"a",pos\n"b" c,neg\n', ":4: "),
        (b'text,label\na,pos\n"b,neg\nc,pos\n', ":3: the row is not valid CSV (unexpected end of data"),
        (b"text,label\na,pos\nb\xe9,neg\n", ":3: byte 2 is not UTF-8"),
        ("text,label\na,pos\n".encode("utf-16-le"), "use --encoding utf-16-le"),
        (b"text,label\na,pos\nb,\n", ":3: column 'label' is empty"),
        (b"text,label,text\na,pos,b\n", "it has two columns 'text'"),
        (b"text,label\n", "it has no reviews"),
        (b"", "it has no reviews"),
    ],
)
def test_messages_about_bad_csv(tmp_path, content, expected):
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    message = error_of(path)
    assert "bad.csv" in message
    assert expected in message


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"{", ":2: the line is not JSON"),
        (b"[1]", ":2: the row is of type list and not an object"),
        (b'{"text": 3, "label": "pos"}', ":2: column 'text' is of type int"),
        (b'{"text": null, "label": "pos"}', ":2: column 'text' is empty"),
        (b'{"text": "a"}', ":2: the row has no column 'label'"),
        (b"\xff", ":2: byte 1"),
        (b"[" * 100_000, ":2: the line is not JSON"),
        (b"1" * 10_000, ":2: the line is not JSON"),
    ],
)
def test_messages_about_bad_jsonl(tmp_path, line, expected):
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b'{"text": "a", "label": "neg"}\n' + line + b"\n")
    assert expected in error_of(path)


def test_messages_about_bad_parquet(tmp_path):
    path = write_table(tmp_path, "parquet", [{"text": "a", "label": 1}, {"text": None, "label": 0}])
    assert ":2: column 'text' is empty" in error_of(path)
    path.write_bytes(path.read_bytes()[:-10])
    assert "not a readable Parquet file" in error_of(path)


def test_the_text_and_label_columns_must_differ(tmp_path):
    path = write_table(tmp_path, "csv", [{"text": "a", "label": 1}])
    assert "--label-column" in error_of(path, PrepareConfig(label_column="text"))
