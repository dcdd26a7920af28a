"""Detection of the escape character: MySQL writes a backslash before quotes that are text."""

import pytest

from keras_sentiment.data.config import PrepareConfig
from keras_sentiment.data.readers.bad_rows import BadRows
from keras_sentiment.data.readers.sources import read
from keras_sentiment.errors import InputError

pytestmark = pytest.mark.once

TEXTS = ["plain", r'"The Thing" \ 2', '"', r"\\", "a, b\tc", r"ends with a backslash \ ".strip(), '""']


def escaped(text):
    return text.replace("\\", "\\\\").replace('"', '\\"')


def write(path, header, rows):
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def texts_of(path, **options):
    return [review.text for review in read(path, PrepareConfig(**options), quiet=True)]


@pytest.mark.parametrize(("ending", "delimiter"), [("csv", ","), ("tsv", "\t"), ("csv", ";")])
def test_an_escape_character_is_detected(tmp_path, ending, delimiter, capsys):
    rows = [f'"{escaped(text)}"{delimiter}{n % 2}' for n, text in enumerate([*TEXTS, "last"])]
    path = write(tmp_path / f"it.{ending}", f"text{delimiter}label", rows)
    assert texts_of(path) == texts_of(path, escape="\\") == [*TEXTS, "last"]
    list(read(path))
    assert "escape character \\" in capsys.readouterr().err
    path = write(tmp_path / f"other.{ending}", rows[0], rows[1:])
    assert texts_of(path, columns=("text", "label")) == [*TEXTS, "last"]


def test_a_backslash_that_is_text_is_kept(tmp_path):
    texts = [*TEXTS, r"one\nline \"", r'said\"now"', "C:\\"]
    rows = ['"{}",{}'.format(text.replace('"', '""'), n % 2) for n, text in enumerate(texts)]
    path = write(tmp_path / "it.csv", "text,label", rows)
    assert texts_of(path) == texts
    # A bad row is reported and does not change how the others are read.
    write(path, "text,label", [*rows[:3], '"stray" quote,1', *rows[3:]])
    with pytest.raises(InputError, match=r"it.csv:5: .*on-error skip"):
        texts_of(path)


def test_leading_spaces_are_kept_if_another_text_has_spaces_and_quotes(tmp_path):
    texts = ['  "quoted" it', "  two spaces", "none"]
    path = write(tmp_path / "it.csv", "text,label", ['"  ""quoted"" it",1', "  two spaces,0", "none,1"])
    assert texts_of(path) == texts
    path = write(tmp_path / "it.csv", "text, label", ['"  ""quoted"" it", "1"', '"a, b", "0"', '"none", "1"'])
    assert texts_of(path) == ['  "quoted" it', "a, b", "none"]


def test_an_escape_before_a_letter_is_kept(tmp_path):
    """MySQL and Postgres write line ends, tabs and missing values in this way."""
    rows = '"he said \\"good\\"\\nthen","pos"\n"C:\\\\new \\"q\\" \\t.","neg"\n\\N,"pos"\n"bad",\\N\n'
    rows += '"odd\\\nend","neg"\n'
    path = tmp_path / "it.csv"
    path.write_text("text,label\n" + rows)
    bad_rows = BadRows("skip", quiet=True)
    found = [(r.text, r.label) for r in read(path, PrepareConfig(escape="\\"), bad_rows=bad_rows)]
    assert found == [
        ('he said "good"\\nthen', "pos"),
        ('C:\\new "q" \\t.', "neg"),
        ("odd\nend", "neg"),
    ]
    assert bad_rows.count == 2
