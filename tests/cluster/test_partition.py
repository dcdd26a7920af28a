"""Division of tables into parts: together, the parts are the table."""

import csv
import json

import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from helpers.parts import ROWS, in_parts, table_config
from helpers.readers import read_texts
from helpers.same_rows import single_files
from keras_sentiment.cluster import partition as partition_module
from keras_sentiment.cluster.part_reader import PartReader
from keras_sentiment.cluster.partition import find_files, partition
from keras_sentiment.data.config import TableConfig
from keras_sentiment.data.readers.dialect import SwallowedRows
from keras_sentiment.data.readers.tables import ALL, open_named
from keras_sentiment.errors import InputError

pytestmark = pytest.mark.once


def whole(path, text_format, column="text"):
    with path.open("rb") as file:
        return [text for _, text in read_texts(file, path.name, text_format, column)]


def rows_of(tables):
    return [row for table in tables for row in table.to_pylist()]


CELLS = st.text(
    st.sampled_from("ab,;\"\t\n\r'\\ é\u2028\ufeff\U0001f600")
    | st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    max_size=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=st.lists(st.tuples(CELLS, CELLS), max_size=14), delimiter=st.sampled_from(",\t"))
def test_concatenated_parts_equal_the_table(tmp_path, rows, delimiter):
    text_format = {",": "csv", "\t": "tsv"}[delimiter]
    path = tmp_path / f"it.{text_format}"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows([('the\n"id"', "text"), *rows])
    told = []

    def skip(error):
        if "--quoting minimal" in str(error):  # workers do not check for stray quotes and would read it
            raise error
        told.append(error)

    try:
        found = rows_of(in_parts(path, text_format, skip=skip))
    except SwallowedRows:  # a tab and a line end in one field may look like a stray quote
        return
    expected = whole(path, text_format)
    assert [row["text"] for row in found] == [text for text in expected if isinstance(text, str)]
    assert [str(error) for error in told] == [str(text) for text in expected if not isinstance(text, str)]
    assert all(list(row) == ['the\n"id"', "text"] for row in found)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    content=st.lists(
        st.sampled_from([b'"', b",", b"\n", b"\r\n", b"a", b"\xff", b"b,c\n", b'"d"']), max_size=60
    )
)
def test_parts_of_a_damaged_table_have_its_readable_rows(tmp_path, content):
    path = tmp_path / "it.csv"
    path.write_bytes(b"id,text\n" + b"".join(content))
    told = []
    found = rows_of(in_parts(path, "csv", skip=told.append))
    expected = whole(path, "csv")
    assert [row["text"] for row in found] == [text for text in expected if isinstance(text, str)]
    assert [str(error) for error in told] == [str(text) for text in expected if not isinstance(text, str)]


@pytest.mark.parametrize("rows", [0, 1, ROWS - 1, ROWS, ROWS + 1, 2 * ROWS, 2 * ROWS + 1])
@pytest.mark.parametrize("text_format", ["csv", "tsv", "jsonl", "parquet", "txt"])
def test_parts_end_at_row_boundaries(tmp_path, text_format, rows):
    path = tmp_path / f"it.{text_format}"
    texts = [f"text {i}" for i in range(rows)]
    if text_format == "parquet":
        parquet.write_table(pyarrow.table({"text": pyarrow.array(texts, pyarrow.string())}), path)
    else:
        lines = [json.dumps({"text": text}) for text in texts] if text_format == "jsonl" else texts
        header = ["text"] if text_format in ("csv", "tsv") else []
        path.write_text("".join(line + "\n" for line in header + lines))
    tables = in_parts(path, text_format)
    assert len(tables) == -(-rows // ROWS)
    assert [row["text"] for row in rows_of(tables)] == texts


@pytest.mark.parametrize("group", [1, 3, 5, 100])
def test_columns_of_parquet_keep_their_types(tmp_path, group):
    path = tmp_path / "it.parquet"
    table = pyarrow.table(
        {
            "when": pyarrow.array(range(23), pyarrow.timestamp("ms", "UTC")),
            "text": [f"text {i}" if i % 5 else None for i in range(23)],
            "tags": [["a"] * (i % 3) for i in range(23)],
            "kind": pyarrow.array(["x", "y", None] * 7 + ["x", "y"]).dictionary_encode(),
        }
    )
    parquet.write_table(table, path, row_group_size=group)
    kept = table.filter(table.column("text").is_valid())
    told = []
    parts = partition([path], table_config("parquet"), told.append)
    assert [str(error).split(":")[1] for error in told] == [str(i + 1) for i in range(0, 23, 5)]
    assert parts.schema.types == table.schema.types
    # Parts are read by one reader in several orders, and by a new reader for each part.
    reader = PartReader(parts)
    for order in (parts.parts, parts.parts[::-1], parts.parts[::2] + parts.parts[1::2]):
        found = {part: reader.read(part) for part in order}
        assert rows_of(found[part] for part in parts.parts) == kept.to_pylist()
    assert rows_of(PartReader(parts).read(part) for part in parts.parts) == kept.to_pylist()
    with pytest.raises(InputError, match=r"it\.parquet:1: column 'text' is empty"):
        partition([path], table_config("parquet"))


def test_the_schema_of_json_lines_has_the_columns_of_all_objects(tmp_path):
    path = tmp_path / "it.jsonl"
    rows = [{"text": "a", "stars": 1}, {"text": "b", "by": {"name": "c"}}, {"text": "d", "by": None}] * 2
    rows += [{"stars": 2.5, "text": "e", "by": {"age": 3}, "tags": ["f"]}]
    path.write_text("\n\n".join(map(json.dumps, rows)))
    tables = in_parts(path, "jsonl")
    assert len({table.schema for table in tables}) == 1
    assert tables[0].schema.names == ["text", "stars", "by", "tags"]
    assert tables[0].schema.field("stars").type == pyarrow.float64()
    found = rows_of(tables)
    assert [row["stars"] for row in found] == [1, None, None, 1, None, None, 2.5]
    assert found[1]["by"] == {"name": "c", "age": None}
    assert found[-1] == {"text": "e", "stars": 2.5, "by": {"name": None, "age": 3}, "tags": ["f"]}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, "b"], "it.jsonl:1: from this line on column 'n' has several types"),
        ([1, 2, 3, 4, "b"], "it.jsonl:5: a column has another type than before .*n"),
        (["\ud800"], "it.jsonl:1: the row has half of a character"),
        ([10**30], "it.jsonl:1: from this line on column 'n'"),
    ],
)
def test_a_column_with_several_types_is_an_error(tmp_path, values, expected):
    path = tmp_path / "it.jsonl"
    path.write_text("".join(json.dumps({"text": "a", "n": value}) + "\n" for value in values))
    with pytest.raises(InputError, match=expected) as raised:
        partition([path], table_config("jsonl"))
    assert "\n" not in str(raised.value)


def test_files_are_sorted_by_name(tmp_path, monkeypatch):
    for name in ("b.csv", "a.csv", "c.txt"):
        (tmp_path / name).write_text(f"text,id\n{name},1\n")
    (tmp_path / "d.csv").mkdir()
    files = find_files(str(tmp_path / "*.csv"))
    assert [file.name for file in files] == ["a.csv", "b.csv"]
    parts = partition(files, table_config("csv"))
    assert rows_of(map(PartReader(parts).read, parts.parts)) == [
        {"text": "a.csv", "id": "1"},
        {"text": "b.csv", "id": "1"},
    ]
    (tmp_path / "[x].csv").write_text("text\n")
    assert find_files(str(tmp_path / "[x].csv")) == [tmp_path / "[x].csv"]
    monkeypatch.chdir(tmp_path)
    for source in ("", "*.tsv", "no.csv"):
        with pytest.raises(InputError, match="no file matches"):
            find_files(source)
    with pytest.raises(InputError, match="is a folder"):
        find_files(str(tmp_path))


def test_files_with_different_columns_are_refused(tmp_path):
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    paths[0].write_text("text,id\na,1\n")
    paths[1].write_text("id,text\n2,b\n")
    parts = partition(paths, table_config("csv"))
    assert [list(row.values()) for row in rows_of(map(PartReader(parts).read, parts.parts))] == [
        ["a", "1"],
        ["b", "2"],
    ]
    paths[1].write_text("text\nb\n")
    with pytest.raises(
        InputError, match=r"b\.csv: its columns differ from those of .*a\.csv: .*b\.csv has no 'id'"
    ):
        partition(paths, table_config("csv"))
    paths[1].write_text("text,id,id\nb,1,2\n")
    with pytest.raises(InputError, match="it has two columns 'id'"):
        partition(paths, table_config("csv"))
    tables = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    for table, ids in zip(tables, ([1], ["1"]), strict=True):
        parquet.write_table(pyarrow.table({"text": ["a"], "id": ids}), table)
    with pytest.raises(InputError, match=r"column 'id' is string, and in .*a\.parquet it is int64"):
        partition(tables, table_config("parquet"))


def test_long_texts_make_small_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(partition_module, "PART_SIZE", 100)
    path = tmp_path / "it.txt"
    path.write_text(("x" * 49 + "\n") * 5)
    assert [part.rows for part in partition([path], table_config("txt")).parts] == [2, 2, 1]
    parquet.write_table(pyarrow.table({"text": ["x" * 50] * 5}), tmp_path / "it.parquet")
    assert [part.rows for part in partition([tmp_path / "it.parquet"], table_config("parquet")).parts] == [
        2,
        2,
        1,
    ]


# An unlabelled .txt file has one text a line.
FILES = {title: file for title, *file in single_files() if not file[0].endswith(".txt")}
WHOLE = ("gz", "bz2", "xz", "zst", "zip", "list", "arrow", "it.json ")  # formats that can't be read in parts


def read_whole(title):
    return not title.startswith("parquet") and any(word in title for word in WHOLE)


@pytest.mark.parametrize("title", FILES)
def test_workers_read_the_same_rows_as_one_process(tmp_path, monkeypatch, title):
    """Formats that can't be read in parts are refused before the workers start."""
    monkeypatch.setattr(partition_module, "PART_ROWS", 40)
    name, data, config = FILES[title]
    path = tmp_path / name
    path.write_bytes(data)
    config = TableConfig(**{key: value for key, value in config.items() if key != "label_column"})
    if read_whole(title):
        with pytest.raises(
            InputError, match=r"decompress it|write one JSON object a line|can't read Arrow files"
        ):
            partition([path], config)
        return
    parts = partition([path], config)
    rows = [row for part in parts.parts for row in PartReader(parts).read(part).to_pylist()]
    with open_named(path, config, {config.text_column: ""}) as table:
        expected = [row for _, row in table.rows(ALL)]
    assert rows == expected
    assert len(rows) == 300
