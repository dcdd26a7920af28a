"""What is found out about a table is right, and what can't be is told with the fix."""

import csv
import gzip
import io
import json
import zipfile

import pyarrow
import pytest
from pyarrow import parquet

from helpers.readers import error_of, write_tree
from helpers.same_rows import ROWS, json_lines, packed, parquet_bytes, separated
from keras_sentiment.data.config import PrepareConfig, TableConfig
from keras_sentiment.data.readers import compression
from keras_sentiment.data.readers.bad_rows import BadRows
from keras_sentiment.data.readers.sources import read
from keras_sentiment.data.readers.tables import open_table
from keras_sentiment.errors import InputError

pytestmark = pytest.mark.once


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("content", "config", "expected"),
    [
        # The name of a column is looked for with every delimiter, and the best header is shown.
        ("review;stars\na;1\n", {}, "no column 'text'; it has 'review', 'stars'; name one"),
        ("text,stars\na,1\n", {}, "no column 'label'; it has 'text', 'stars'; name one with --label-column"),
        ("1,a film\n2,a bore\n", {}, "where the first row is a review, name all columns with --columns"),
        ("text;label\na;1\n", {"delimiter": ","}, "no column 'text'; it has 'text;label'"),
        ("1,a\n2,b\n", {"header": False}, "no column 'text'; it has '1', '2'; name one with --text-column"),
        ("1,a\n2,b\n", {"columns": ("a", "b")}, "no column 'text'; it has 'a', 'b'"),
        ("1,a\n2,b,c\n", {"columns": ("label", "text")}, "it.csv:2: 3 fields where there should be 2"),
        # Who names the first row as columns would lose it.
        ("1,a film\n1,b film\n", {"label_column": "1", "text_column": "a film"}, "it.csv:2: its label"),
        ("text,label\na,1\ntext,label\nb,0\n", {}, "it.csv:3: repeats the header; remove it"),
        ("text,label\n\"so \\\"good\\\"\",1\n", {}, "a backslash stands before quotes that are text"),
        ('text,label\n"so "good"",1\n', {}, "double the quotes inside it; if quotes are text in this file"),
        ("", {"columns": ("text", "label")}, "it.csv: holds no reviews"),
        ("a;1,b\nc;2,d\n", {"columns": ("text", "label")}, "between commas or semicolons; say which"),
        ("\n\n", {}, "it.csv: holds no reviews; the first row names the columns"),
    ],
)  # fmt: skip
def test_what_can_not_be_read_is_told_with_the_fix(tmp_path, content, config, expected):
    assert expected in error_of(write(tmp_path / "it.csv", content), PrepareConfig(**config))


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"encoding": "klingon"}, "encoding must be one that Python knows"),
        ({"encoding": "rot13"}, "encoding must be one that Python knows"),
        ({"encoding": "cp037"}, "can't be read line by line"),
        ({"encoding": "unicode_escape"}, "can't be read line by line"),
        ({"delimiter": "ab"}, "delimiter must be one character"),
        ({"delimiter": '"'}, "delimiter must be one character"),
        ({"escape": "\n"}, "escape must be one character"),
        ({"delimiter": "\\", "escape": "\\"}, "delimiter must be one character"),
        ({"columns": ("a", "a")}, "columns must be different names"),
        ({"input_format": "xml"}, "input_format must be csv or tsv"),
    ],
)
def test_bad_options_are_refused(config, expected):
    with pytest.raises(InputError, match=expected):
        TableConfig(**config)


@pytest.mark.parametrize(
    "config",
    [{"delimiter": ";"}, {"quoting": "none"}, {"escape": "\\"}, {"header": False}, {"columns": ("a", "b")}],
)
def test_options_of_separated_tables_are_for_these(tmp_path, config):
    path = write(tmp_path / "it.jsonl", json_lines())
    assert "is for csv, tsv" in error_of(path, PrepareConfig(**config))


@pytest.mark.parametrize(
    ("encoding", "words", "expected"),
    [
        ("cp1252", "“naïve” – café", "'“naïve” –' in cp1252"),
        ("cp1251", "хороший фильм", "'хороший фильм' in cp1251"),
        ("mac-roman", "très café", "'très café' in mac-roman"),
        ("gb18030", "很好 的电影", "'很好 的电影' in gb18030"),
        ("shift_jis", "良い 映画", "'良い 映画' in shift_jis"),
    ],
)
@pytest.mark.parametrize("ending", ["csv", "jsonl", "txt"])
def test_bytes_of_another_encoding_are_shown_as_what_they_may_be(tmp_path, encoding, words, expected, ending):
    """And read when it is said."""
    if ending == "txt":
        path = write_tree(tmp_path / "it", {"a/1.txt": "a", "b/1.txt": "b"})
        write(path / "a" / "1.txt", words.encode(encoding))
    elif ending == "csv":
        path = write(tmp_path / "it.csv", f"text,label\nok,1\n{words},2\n".encode(encoding))
    else:
        path = write(tmp_path / "it.jsonl", f'{{"text": "{words}", "label": 2}}\n'.encode(encoding))
    message = error_of(path)
    assert expected in message
    assert "--encoding" in message
    found = {review.text for review in read(path, PrepareConfig(encoding=encoding), quiet=True)}
    assert words in found
    assert "is not ASCII" in error_of(path, PrepareConfig(encoding="ascii"))


def test_a_zero_byte_is_no_reason_to_refuse_a_file(tmp_path):
    path = write(tmp_path / "it.csv", "text,label\nbad\0film,1\ngood,2\n")
    assert [review.text for review in read(path)] == ["bad\0film", "good"]
    for encoding in ("utf-16-le", "utf-16-be"):
        write(path, "text,label\nfilm,1\n".encode(encoding))
        assert f"every other byte is NUL, as in UTF-16; try --encoding {encoding}" in error_of(path)


def test_spaces_before_quotes_are_skipped_where_they_hide_them(tmp_path):
    path = write(tmp_path / "it.csv", 'label, text\n1, "a, b"\n2,  c\n')
    assert [review.text for review in read(path)] == ["a, b", "c"]
    rows = [(' "a", b', "1"), ("  c", "2")]
    text = io.StringIO()
    csv.writer(text).writerows([("text", "label"), *rows])
    assert [(r.text, r.label) for r in read(write(path, text.getvalue()))] == rows


@pytest.mark.parametrize(
    ("ending", "damage"),
    # What zstd writes need not have a checksum.
    [
        (ending, damage)
        for ending in ("gz", "bz2", "xz", "zip", "zst")
        for damage in ("cut", "changed")
        if (ending, damage) != ("zst", "changed")
    ],
)
def test_damaged_files_are_told(tmp_path, ending, damage):
    data = packed(separated() * 20, ending)
    middle = len(data) // 2
    data = data[:middle] if damage == "cut" else data[:middle] + b"\x5a" * 9 + data[middle + 9 :]
    message = error_of(
        write(tmp_path / f"it.csv.{ending}", data), PrepareConfig(columns=("i", "text", "label"))
    )
    assert "damaged" in message or "can't be unpacked" in message or "repeats" in message


def test_what_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(compression, "MAX_UNPACKED_BYTES", 100_000)
    for ending in ("gz", "bz2", "xz", "zst", "zip"):
        path = write(tmp_path / f"it.csv.{ending}", packed(separated() + b"\n" * 1_000_000, ending))
        assert "it unpacks to more than 100,000 bytes" in error_of(path)


def test_a_zip_holds_one_table(tmp_path):
    path = tmp_path / "it.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/train.csv", separated(delimiter=";"))
        archive.writestr("__MACOSX/a/._train.csv", b"\0")
        archive.writestr("a/", b"")
        archive.writestr("README", b"x")
    assert len(list(read(path))) == len(ROWS)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("test.csv", b"")
    assert "it holds a/train.csv, test.csv, and one table is read; unpack it" in error_of(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("pos/1.txt.x", b"")
    assert "it holds no table, and one table is read" in error_of(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("it.parquet", parquet_bytes())
    assert "read from a file of its own; unpack it" in error_of(path)
    path.rename(tmp_path / "it.xlsx")
    assert "a spreadsheet; save it as CSV UTF-8" in error_of(tmp_path / "it.xlsx")


def test_what_needs_a_file_is_not_read_from_a_pipe(tmp_path):
    class Pipe(io.BytesIO):
        def seekable(self):
            return False

    for name, data, expected in (
        ("it.parquet", parquet_bytes(), "Parquet can't be read from a pipe; give the file"),
        ("it.zip", packed(separated(), "zip"), "can't be read from a pipe; give the file"),
    ):
        with pytest.raises(InputError, match=expected), open_table(Pipe(data), name, TableConfig(), {}):
            pass


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('[{"text": "a", "label": 1}, 7]', "it.json:2: a int, not an object"),
        ('[{"text": "a", "label": 1}, {"label": 1}]', "it.json:2: this row has no 'text'; it has 'label'"),
        ('[{"text": "a", "label": 1}', "it.json: not a JSON list behind object 1"),
        ('[{"text": "a", "label": 1} {"text"', "it.json: not a JSON list behind object 1"),
        ('[{"text": "a", "label": 1}, {"text": "b', "it.json: object 2 is not JSON"),
        ('[{"text": "a", "label": 1}]\n{}', "it.json: more text behind the list of 1 objects"),
        ("[]", "it.json: holds no reviews"),
        ('{\n "text": "a"\n}', "it.json:1: not JSON"),
        ('["' + "[" * 100_000, "it.json: object 1 is not JSON"),
        (b'[{"text": "\xe9", "label": 1}]', "behind object 0, a byte is not UTF-8 (0xe9)"),
    ],
)
def test_a_json_list_that_can_not_be_read(tmp_path, content, expected):
    assert expected in error_of(write(tmp_path / "it.json", content))


def test_excel_names_the_delimiter_in_a_line_of_its_own(tmp_path):
    for encoding in ("utf-8-sig", "utf-16"):
        content = 'sep=|\r\ntext|label\r\n"a;\nb"|1\r\nc;d|2\r\nd\r\n'.encode(encoding)
        path = write(tmp_path / "it.csv", content)
        bad_rows = BadRows("skip", quiet=True)
        found = list(read(path, quiet=True, bad_rows=bad_rows))
        assert [(r.text, r.source) for r in found] == [("a;\nb", "it.csv:3"), ("c;d", "it.csv:5")]
        assert bad_rows.count == 1


def test_a_list_of_one_class_is_that_class(tmp_path):
    """As in the Parquet files of GoEmotions."""
    features = {"labels": {"feature": {"names": ["joy", "grief"], "_type": "ClassLabel"}, "_type": "List"}}
    table = pyarrow.table({"text": ["a", "b", "c"], "labels": [[1], [0, 1], [0]]})
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    parquet.write_table(table, tmp_path / "it.parquet")
    bad_rows = BadRows("skip", quiet=True)
    config = PrepareConfig(label_column="labels")
    found = list(read(tmp_path / "it.parquet", config, bad_rows=bad_rows))
    assert [(review.text, review.label) for review in found] == [("a", "grief"), ("c", "joy")]
    assert "it.parquet:2: column 'labels' holds \"['joy', 'grief']\", several values" in error_of(
        tmp_path / "it.parquet", config
    )


def test_a_json_list_is_read_piece_by_piece(tmp_path, monkeypatch):
    """Wherever a piece ends."""
    path = write(tmp_path / "it.json", json.dumps(ROWS, ensure_ascii=False, indent=1))
    monkeypatch.setattr("keras_sentiment.data.readers.table_rows._CHUNK_CHARACTERS", 7)
    assert [review.text for review in read(path)] == [row["text"] for row in ROWS]
    assert [review.source for review in read(path)][-1] == "it.json:300"


def test_folders_of_tables(tmp_path, capsys):
    write_tree(tmp_path / "it", {"train.csv": "text,label\na,1\n", "test.csv": "text,label\nb,2\n"})
    write_tree(
        tmp_path / "it", {"README.md": "x", "notes.txt": "x", ".hidden.csv": "x", "dataset_info.json": "{"}
    )
    assert {(r.text, r.split, r.source) for r in read(tmp_path / "it")} == {
        ("a", "train", "train.csv:2"),
        ("b", "test", "test.csv:2"),
    }
    write_tree(tmp_path / "it", {"sample_submission.csv": "x"})
    assert "sample_submission.csv: not called train, validation or test" in error_of(tmp_path / "it")
    inside = {
        "train/a.csv": "text,label\na,1\n",
        "val/a.csv": "text,label\nb,2\n",
        "unsupervised/a.csv": "text\nc\n",
    }
    write_tree(tmp_path / "2", inside)
    capsys.readouterr()
    assert [(r.split, r.source) for r in read(tmp_path / "2")] == [
        ("train", "train/a.csv:2"),
        ("validation", "val/a.csv:2"),
    ]
    error = capsys.readouterr().err
    assert "unsupervised: not read; give it with --unlabelled" in error
    # Whoever has a folder a label has reviews in files, whatever else is there.
    write_tree(tmp_path / "3", {"neg/1.txt": "a", "pos/1.txt": "b", "labels.csv": "x"})
    assert {r.label for r in read(tmp_path / "3")} == {"neg", "pos"}


def test_a_part_that_is_there_twice_is_refused(tmp_path):
    write_tree(tmp_path, {"train.csv": "text,label\na,1\n", "test.csv": "text,label\nb,2\n"})
    with pytest.raises(InputError, match="it has a test part of its own; leave out --test"):
        list(read(tmp_path, test=tmp_path / "test.csv", quiet=True))
    with pytest.raises(InputError, match="no such file or folder, no file matches"):
        list(read(tmp_path, validation=tmp_path / "none*.csv", quiet=True))
    with pytest.raises(InputError, match="the dataset has the parts train, more; leave of them train, valid"):
        list(read({"train": [("a", 1)], "more": [("b", 1)]}))


def test_rows_of_many_classes_are_as_their_schema_says(tmp_path):
    metadata = {"info": {"features": {"label": {"names": ["no", "yes"], "_type": "ClassLabel"}}}}
    table = pyarrow.table({"text": ["a", "b", "c", "d"], "label": [1, 0, -1, 7]})
    table = table.replace_schema_metadata({"huggingface": json.dumps(metadata)})
    parquet.write_table(table, tmp_path / "it.parquet")
    for source in (tmp_path / "it.parquet", table):
        bad_rows = BadRows("skip", quiet=True)
        assert [review.label for review in read(source, bad_rows=bad_rows)] == ["yes", "no"]
        assert bad_rows.count == 2


def test_members_of_gzip_one_behind_another_are_one_file(tmp_path):
    whole = separated()
    half = whole.index(b"\n", len(whole) // 2) + 1
    path = write(tmp_path / "it.csv.gz", gzip.compress(whole[:half]) + gzip.compress(whole[half:]))
    assert len(list(read(path))) == len(ROWS)
    path = write(tmp_path / "it.csv.zst", packed(whole[:half], "zst") + packed(whole[half:], "zst"))
    assert len(list(read(path))) == len(ROWS)
