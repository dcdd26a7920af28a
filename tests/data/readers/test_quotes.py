"""A quote that a table's writer took for text must not swallow the rows behind it."""

import io

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


def test_a_tsv_without_quoting(tmp_path):
    path = write(tmp_path / "it.tsv", TWEETS, "text\tlabel")
    with pytest.raises(InputError, match=r"it.tsv:3: .*--quoting none"):
        list(read(path))
    found = [(review.text, review.label) for review in read(path, PrepareConfig(quoting="none"))]
    assert found == [tuple(row.split("\t")) for row in TWEETS]
    with path.open("rb") as file:
        texts = dict(read_texts(file, "it.tsv", "tsv", "text"))
    assert isinstance(texts[3], InputError)
    assert "make one field of what is between" in str(texts[3])


def test_a_csv_without_quoting(tmp_path):
    rows = ["good,1", '"odd one,0', "dull,0", "fine,1", 'the end",1', "bad,0"]
    path = write(tmp_path / "it.csv", rows, "text,label")
    with pytest.raises(InputError, match=r"it.csv:3: lines of its text are rows .*--quoting none"):
        list(read(path))
    found = [(review.text, review.label) for review in read(path, PrepareConfig(quoting="none"))]
    assert found == [tuple(row.split(",")) for row in rows]


def test_the_first_row_may_swallow(tmp_path):
    """Before any label is known."""
    rows = ['"odd,0', "dull,0", "bad,0", 'end",1', *(f"film {n},{n % 2}" for n in range(9))]
    with pytest.raises(InputError, match=r"it.csv:2: lines of its text are rows themselves.*\(2 of them\)"):
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
def test_rows_that_were_swallowed_are_not_left_out(name, stray, end, tmp_path):
    """Counted as one bad row they would be lost."""
    delimiter = "\t" if name.endswith("tsv") else ","
    rows = [f"film {n}{delimiter}{'ab'[n % 2]}" for n in range(40)]
    path = write(tmp_path / name, [*rows[:20], stray, *rows[20:], end], f"text{delimiter}label")
    bad_rows = BadRows("skip", quiet=True)
    with pytest.raises(InputError, match=r":22: .*--quoting none"):
        list(read(path, bad_rows=bad_rows))
    assert bad_rows.count == 0


def test_quoting_is_for_separated_tables(tmp_path):
    (tmp_path / "it.jsonl").write_text('{"text": "a", "label": 1}\n')
    with pytest.raises(InputError, match="--quoting is for csv, tsv"):
        list(read(tmp_path / "it.jsonl", PrepareConfig(quoting="none")))
    with pytest.raises(InputError, match="quoting must be"):
        PrepareConfig(quoting="all")
    table = io.BytesIO(b"text\na\n")
    assert list(read_texts(table, "it", "csv", "text")) == [(2, "a")]
