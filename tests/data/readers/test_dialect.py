"""Detection of a table's dialect, and the messages if it fails."""

import csv
import io

import pytest

from helpers.readers import error_of, write_file, write_tree
from helpers.same_rows import json_lines
from keras_sentiment.data.config import PrepareConfig, TableConfig
from keras_sentiment.data.readers.bad_rows import BadRows
from keras_sentiment.data.readers.dialect import require_columns, require_different
from keras_sentiment.data.readers.sources import read
from keras_sentiment.errors import InputError

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("content", "config", "expected"),
    [
        # Columns are searched with each delimiter, and the message has the best header.
        ("review;stars\na;1\n", {}, "no column 'text', only 'review', 'stars'; name one"),
        ("text,stars\na,1\n", {}, "no column 'label', only 'text', 'stars'; name one with --label-column"),
        ("1,a film\n2,a bore\n", {}, "if the first row is a review, name all columns with --columns"),
        ("text;label\na;1\n", {"delimiter": ","}, "no column 'text', only 'text;label'"),
        ("1,a\n2,b\n", {"header": False}, "no column 'text', only '1', '2'; name one with --text-column"),
        ("1,a\n2,b\n", {"columns": ("a", "b")}, "no column 'text', only 'a', 'b'"),
        ("1,a\n2,b,c\n", {"columns": ("label", "text")}, "it.csv:2: the row has 3 instead of 2 fields"),
        # If the first row were taken for the header, a review would be lost.
        ("1,a film\n1,b film\n", {"label_column": "1", "text_column": "a film"}, "it.csv:2: its label"),
        ("text,label\na,1\ntext,label\nb,0\n", {}, "it.csv:3: the row repeats the header; remove it"),
        ("text,label\n\"so \\\"good\\\"\",1\n", {}, "a backslash before each quote that is text"),
        ('text,label\n"so "good"",1\n', {}, "double the quotes inside it; if quotes are ordinary text"),
        ("", {"columns": ("text", "label")}, "it.csv: it has no reviews"),
        ("a;1,b\nc;2,d\n", {"columns": ("text", "label")}, "separated by commas or semicolons; choose"),
        ("text,label\na,1\n", {"columns": ("text", "label")}, "its first row is a header; leave out"),
        ("text,label\na,1\n", {"columns": ("text",)}, "its rows have 2 fields, and --columns names 1"),
        ("\n\n", {}, "it.csv: it has no reviews; write a header"),
    ],
)  # fmt: skip
def test_messages_about_tables_have_the_fix(tmp_path, content, config, expected):
    assert expected in error_of(write_file(tmp_path / "it.csv", content), PrepareConfig(**config))


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"encoding": "klingon"}, "encoding must be a name that Python knows"),
        ({"encoding": "rot13"}, "encoding must be a name that Python knows"),
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
def test_csv_options_are_refused_for_other_formats(tmp_path, config):
    path = write_file(tmp_path / "it.jsonl", json_lines())
    assert "is only for csv and tsv" in error_of(path, PrepareConfig(**config))


@pytest.mark.parametrize(
    ("encoding", "words", "expected"),
    [
        ("cp1252", "“naïve” – café", "'“naïve” –' in cp1252"),
        ("cp1251", "хороший фильм", "'хороший фильм' in cp1251"),
        ("mac-roman", "très café", "'très café' in mac-roman"),
        ("gb18030", "很好 的电影", "'很好 的电影' in gb18030"),
        ("cp932", "①良い 映画", "'①良い 映画' in cp932"),
    ],
)
@pytest.mark.parametrize("ending", ["csv", "jsonl", "txt"])
def test_messages_suggest_encodings_that_fit(tmp_path, encoding, words, expected, ending):
    """The file is read if the user names this encoding."""
    if ending == "txt":
        path = write_tree(tmp_path / "it", {"a/1.txt": "a", "b/1.txt": "b"})
        write_file(path / "a" / "1.txt", words.encode(encoding))
    elif ending == "csv":
        path = write_file(tmp_path / "it.csv", f"text,label\nok,1\n{words},2\n".encode(encoding))
    else:
        path = write_file(tmp_path / "it.jsonl", f'{{"text": "{words}", "label": 2}}\n'.encode(encoding))
    message = error_of(path)
    assert expected in message
    assert "--encoding" in message
    found = {review.text for review in read(path, PrepareConfig(encoding=encoding), quiet=True)}
    assert words in found
    assert "is not ASCII" in error_of(path, PrepareConfig(encoding="ascii"))


def test_a_single_nul_byte_is_accepted(tmp_path):
    path = write_file(tmp_path / "it.csv", "text,label\nbad\0film,1\ngood,2\n")
    assert [review.text for review in read(path)] == ["bad\0film", "good"]
    for encoding in ("utf-16-le", "utf-16-be"):
        write_file(path, "text,label\nfilm,1\n".encode(encoding))
        assert f"many of its bytes are NUL, as in UTF-16; use --encoding {encoding}" in error_of(path)


def test_spaces_before_quotes_are_skipped_only_if_needed(tmp_path):
    path = write_file(tmp_path / "it.csv", 'label, text\n1, "a, b"\n2,  c\n')
    assert [review.text for review in read(path)] == ["a, b", "c"]
    rows = [(' "a", b', "1"), ("  c", "2")]
    text = io.StringIO()
    csv.writer(text).writerows([("text", "label"), *rows])
    assert [(r.text, r.label) for r in read(write_file(path, text.getvalue()))] == rows


def test_the_delimiter_line_of_excel_is_read(tmp_path):
    for encoding in ("utf-8-sig", "utf-16"):
        content = 'sep=|\r\ntext|label\r\n"a;\nb"|1\r\nc;d|2\r\nd\r\n'.encode(encoding)
        path = write_file(tmp_path / "it.csv", content)
        bad_rows = BadRows("skip", quiet=True)
        found = list(read(path, quiet=True, bad_rows=bad_rows))
        assert [(r.text, r.source) for r in found] == [("a;\nb", "it.csv:3"), ("c;d", "it.csv:5")]
        assert bad_rows.count == 1


class Names(list):
    """Column names that must not be searched once for each column, because a file may have many columns."""

    def count(self, name):
        raise AssertionError(name)

    def __contains__(self, name):
        raise AssertionError(name)


def test_looking_up_columns_takes_linear_time():
    names = [f"c{number}" for number in range(50)]
    require_columns(Names(names), "it.csv", dict.fromkeys(names, "--text-column"))
    require_different(names, Names(names), "it.csv")
    with pytest.raises(InputError, match="no column 'text', only 'c0', 'c1'"):
        require_columns(Names(names), "it.csv", {"text": "--text-column"})
    with pytest.raises(InputError, match="it has two columns 'c3'"):
        require_different(names, Names([*names, "c3"]), "it.csv")
