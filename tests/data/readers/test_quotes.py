"""Stray quotes: a table written without quoting must not lose rows."""

import io
import re

import pytest

from helpers.readers import read_texts
from keras_sentiment.data.config import PrepareConfig
from keras_sentiment.data.readers.bad_rows import BadRows
from keras_sentiment.data.readers.sources import read
from keras_sentiment.errors import InputError

pytestmark = pytest.mark.once

TWEETS = [
    "so good\tpositive",
    '"what a film\tnegative',
    "dull and long\tnegative",
    "fine, they said\tnegative",
    'the end"\tpositive',
]


def write(path, rows, header):
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_a_stray_quote_in_a_tsv_is_reported(tmp_path):
    path = write(tmp_path / "it.tsv", TWEETS, "text\tlabel")
    with pytest.raises(InputError, match=r"it.tsv:3: .*--quoting none"):
        list(read(path))
    found = [(review.text, review.label) for review in read(path, PrepareConfig(quoting="none"))]
    assert found == [tuple(row.split("\t")) for row in TWEETS]
    with path.open("rb") as file:
        texts = dict(read_texts(file, "it.tsv", "tsv", "text"))
    assert isinstance(texts[3], InputError)
    assert "is one field with tabs in it" in str(texts[3])


def test_a_stray_quote_in_a_csv_is_reported(tmp_path):
    rows = ["good,1", '"odd one,0', "dull,0", "fine,1", 'the end",1', "bad,0"]
    path = write(tmp_path / "it.csv", rows, "text,label")
    with pytest.raises(InputError, match=r"it.csv:3: 4 lines of its text look like rows; .*--quoting none"):
        list(read(path))
    found = [(review.text, review.label) for review in read(path, PrepareConfig(quoting="none"))]
    assert found == [tuple(row.split(",")) for row in rows]


def test_a_stray_quote_in_the_first_row_is_reported(tmp_path):
    """At the first row, no label is known yet."""
    rows = ['"odd,0', "dull,0", "bad,0", 'end",1', *(f"film {n},{n % 2}" for n in range(9))]
    with pytest.raises(InputError, match=r"it.csv:2: 3 lines of its text look like rows"):
        list(read(write(tmp_path / "it.csv", rows, "text,label")))


def test_reviews_of_several_lines_are_read(tmp_path):
    texts = ["first, a\nsecond, b\nthird, c", "good\n\n\nfilm", 'say ""well,\nok""\nyes, 2', "a\nb,c\nd"]
    rows = [f'"{text}",{label}' for text, label in zip(texts, "1010", strict=True)]
    found = [review.text for review in read(write(tmp_path / "it.csv", rows, "text,label"))]
    assert found == [text.replace('""', '"') for text in texts]
    rows = [f'"{text}"\t{label}' for text, label in zip(texts, "1010", strict=True)]
    found = [review.text for review in read(write(tmp_path / "it.tsv", rows, "text\tlabel"))]
    assert found == [text.replace('""', '"') for text in texts]


@pytest.mark.parametrize(
    ("name", "stray", "end"),
    [("it.csv", '"odd,b', 'end",b'), ("it.csv", '"odd,b', ""), ("it.tsv", '"odd\tb', 'end"\tb')],
)
def test_a_stray_quote_is_an_error_even_if_bad_rows_are_skipped(name, stray, end, tmp_path):
    """If they were counted as one bad row, the other rows would be lost."""
    delimiter = "\t" if name.endswith("tsv") else ","
    rows = [f"film {n}{delimiter}{'ab'[n % 2]}" for n in range(40)]
    path = write(tmp_path / name, [*rows[:20], stray, *rows[20:], end], f"text{delimiter}label")
    bad_rows = BadRows("skip", quiet=True)
    with pytest.raises(InputError, match=r":22: .*--quoting none"):
        list(read(path, bad_rows=bad_rows))
    assert bad_rows.count == 0


def test_quoting_is_refused_for_other_formats(tmp_path):
    (tmp_path / "it.jsonl").write_text('{"text": "a", "label": 1}\n')
    with pytest.raises(InputError, match="--quoting is only for csv and tsv"):
        list(read(tmp_path / "it.jsonl", PrepareConfig(quoting="none")))
    with pytest.raises(InputError, match="quoting must be"):
        PrepareConfig(quoting="all")
    table = io.BytesIO(b"text\na\n")
    assert list(read_texts(table, "it", "csv", "text")) == [(2, "a")]


WIDE = '1,it is ok,good a,pos|2,so so,x,neg|3,"wow,bad b,neg|4,fine,good c,pos|5,my 6",x,pos'
SWALLOWING = {
    "in a table without labels": ("id,text", '1,good a|2,"bad b|3,good c|4,bad 6"|5,good e'),
    "in another column": ("id,title,text,label", WIDE),
    "one row alone": ("text,label", 'a film,pos|b film,neg|"The screen is great,pos|and it is 6",neg|c,pos'),
    "with the label first": ("label,text", 'pos,good a|neg,bad b|pos,"good c|neg,bad 6"|neg,bad d'),
    "with labels not seen": ("text,label", 'a,joy|b,fear|"c,anger|d,disgust|e,surprise|f 6",joy|g,anger'),
    "with a bad byte": ("text,label", 'a,pos|b,neg|"open,pos|fine a,pos|byte \xff,neg|end 6",neg|c,pos'),
    "with an empty label": ("text,label", 'a,pos|b,neg|"open,pos|fine a,pos|fine b,neg|end 6",|c,pos'),
    "with a field too many": ("text,label", 'a,pos|b,neg|"open,pos|fine a,pos|end 6",and,more,neg|c,pos'),
}


@pytest.mark.parametrize("title", SWALLOWING)
def test_a_stray_quote_is_found(tmp_path, title):
    header, rows = SWALLOWING[title]
    path = tmp_path / "it.csv"
    path.write_bytes(f"{header}\n{rows}\n".replace("|", "\n").encode("latin-1"))
    number = next(n for n, row in enumerate(rows.split("|"), 2) if '"' in row)
    message = rf"it.csv:{number}: \d lines of its text look like rows; .*--quoting none"
    if "label" in header:
        with pytest.raises(InputError, match=message):
            list(read(path, bad_rows=BadRows("skip", quiet=True)))
    with path.open("rb") as file:
        found = dict(read_texts(file, "it.csv", "csv", "text"))
    if title == "in a table without labels":
        assert re.match(message, str(found[number]))


FINE = {
    "text,label": ['"Ratings:\nStory, 4\nMusic, 5\nok",3', '"one\ntwo, three\nfour",4', "plain,5", "plain,4"],
    "id,text": ['1,"one\ntwo, three\nfour, five"', "2,plain", '3,"a\n\n4 stars, or 5\n"'],
    "label,text": ['pos,"Great film\nwell, yes\nno, sir"', "neg,plain", "pos,plain"],
}


@pytest.mark.parametrize("header", FINE)
def test_lines_of_a_text_are_not_taken_for_rows(tmp_path, header):
    for rows in (FINE[header], FINE[header][::-1]):
        path = write(tmp_path / "it.csv", rows, header)
        with path.open("rb") as file:
            found = [text for _, text in read_texts(file, "it.csv", "csv", "text")]
        assert not any(isinstance(text, InputError) for text in found)
        assert len(found) == len(rows)
        if "label" in header:
            assert len(list(read(path))) == len(rows)


def test_the_option_quoting_minimal_turns_the_check_off(tmp_path):
    path = write(tmp_path / "it.csv", ["a,1", "b,2", '"list:\nfive,1\nsix,2\nseven",1'], "text,label")
    with pytest.raises(InputError, match="otherwise --quoting minimal"):
        list(read(path))
    assert len(list(read(path, PrepareConfig(quoting="minimal")))) == 3
    path = write(tmp_path / "it.tsv", ['"a\tb\nc"\t1'], "text\tlabel")
    with pytest.raises(InputError, match="otherwise --quoting minimal"):
        list(read(path))
    assert [review.text for review in read(path, PrepareConfig(quoting="minimal"))] == ["a\tb\nc"]
