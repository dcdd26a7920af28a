"""Rows in, results out: each row's own, in order, a chunk at a time; and a file that is whole or none."""

import csv
import io
import itertools
import json
import stat

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from keras_sentiment.config import InputConfig, PrepareConfig
from keras_sentiment.data.chunks import CHUNK_CHARACTERS, CHUNK_REVIEWS
from keras_sentiment.data.readers.sources import read
from keras_sentiment.data.readers.tables import read_texts
from keras_sentiment.decision import Decision
from keras_sentiment.errors import InputError
from keras_sentiment.inference.classifier import Classifier
from keras_sentiment.inference.streaming import WRITERS, predict_rows
from keras_sentiment.storage.atomic import staged_file
from keras_sentiment.text.tokenizer import Tokenizer

pytestmark = pytest.mark.once

WORDS = ("good", "bad", "film")
TOKENIZER = Tokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])


class CountingEngine:
    """A model by hand: a logit is how often its word is there."""

    compiles = False

    def __call__(self, rows):
        ids = rows["token_ids"]
        counts = [(ids == TOKENIZER.vocabulary.index(word)).sum(axis=1) for word in ("bad", "good")]
        return np.stack(counts, axis=1).astype("float32") / 4


def classifier(labels=("negative", "positive")):
    return Classifier(TOKENIZER, InputConfig(sequence_length=16), Decision(labels), CountingEngine())


def texts_of_many_lengths(count):
    return [" ".join(["good"] * (i % 7) + ["bad"] * (i % 11) + ["film"] * (i % 3)) for i in range(count)]


# Results


def test_each_row_has_its_own_answer_in_order():
    texts = texts_of_many_lengths(3000)
    numbers = range(5, 5 + 3 * 3000, 3)
    found = [*itertools.chain.from_iterable(predict_rows(classifier(), zip(numbers, texts, strict=True)))]
    assert [result["row"] for result in found] == list(numbers)
    expected = classifier().predict(texts)
    assert [{"row": n, **result} for n, result in zip(numbers, expected, strict=True)] == found
    assert {result["truncated"] for result in found} == {False, True}


def test_a_chunk_is_answered_before_the_next_one_is_read():
    read_so_far = []

    def rows():
        for number in itertools.count(1):  # as long as standard input stays open
            read_so_far.append(number)
            yield number, "good"

    chunks = predict_rows(classifier(), rows())
    for chunk in (1, 2, 3):
        assert len(next(chunks)) == CHUNK_REVIEWS
        assert read_so_far[-1] <= chunk * CHUNK_REVIEWS + 1


def test_long_texts_make_small_chunks():
    long = "good film " * (CHUNK_CHARACTERS // 20)
    chunks = predict_rows(classifier(), enumerate([long] * 5))
    assert [len(chunk) for chunk in chunks] == [2, 2, 1]


def test_a_bad_row_stops_or_is_left_out():
    rows = [(1, "good"), (2, InputError("x:2: a")), (4, "bad"), (5, InputError("x:5: b")), (6, "")]
    with pytest.raises(InputError, match="x:2: a"):
        list(predict_rows(classifier(), rows))
    told = []
    (results,) = predict_rows(classifier(), rows, told.append)
    assert [(result["row"], result["label"]) for result in results] == [
        (1, "positive"),
        (4, "negative"),
        (6, "negative"),
    ]
    assert [str(error) for error in told] == ["x:2: a", "x:5: b"]
    assert list(predict_rows(classifier(), [])) == []


# Rows


def rows_of(content, text_format, column="text"):
    """The rows of a file: the text, or the message of what is wrong."""
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


def test_every_line_of_text_has_its_row():
    content = '\ufeffgood\r\n\nbad\rfilm\n \u2028\x0c, "\n\r\nlast'.encode()
    found = [text for _, (text,) in rows_of(content, "txt")]
    assert found == ["good", "", "bad\rfilm", ' \u2028\x0c, "', "", "last"]
    assert [number for number, _ in rows_of(content, "txt")] == [1, 2, 3, 4, 5, 6]
    assert rows_of(b"", "txt") == []
    assert rows_of(b"a\n", "txt") == [(1, ("a",))]
    assert rows_of(b"x" * 5_000_000, "txt") == [(1, ("x" * 5_000_000,))]


BAD_ROWS = [
    ("txt", b"a\nb\xe9\n\0\nd", {2: "byte 2 is not UTF-8", 3: "holds NUL bytes"}, {1: "a", 4: "d"}),
    ("jsonl", b'{"text": "a"}\n{\n\n[1]\n{"texts": ""}\n{"text": 3}\n"\xff"\n{"text": "b", "c": 1}',
     {2: "not JSON", 4: "a list, not an object", 5: "no column 'text'", 6: "holds a int", 7: "byte 2"},
     {1: "a", 8: "b"}),
    # The second and the third line of the first record are bad, and it ends where its quotes do.
    ("csv", b'id,text\n1,"a\n\xff\n\xff",\n2,b\n\n3\n4,c,d\n5,"e" f\n6,g\n',
     {2: "byte 1 is not UTF-8", 7: "1 fields", 8: "3 fields", 9: "quote the review"}, {5: "b", 10: "g"}),
    # A quote that is not closed takes the records up to the next one with it.
    ("csv", b'id,text\n1,"a\n2,b\n3,"c"\n4,d\n5,"e\n6,f\n',
     {2: "read up to line 4", 6: "read up to line 7"}, {5: "d"}),
]  # fmt: skip


@pytest.mark.parametrize(("text_format", "content", "bad", "good"), BAD_ROWS)
def test_what_follows_a_bad_row_is_read(tmp_path, text_format, content, bad, good):
    found = dict(rows_of(content, text_format))
    assert list(found) == sorted({*bad, *good})
    for number, text in good.items():
        assert found[number] == (text,)
    for number, expected in bad.items():
        assert f"it:{number}" in found[number] or "UTF-8" in expected
        assert expected in found[number]
        assert "\n" not in found[number]


def test_preparing_is_told_what_predicting_is_told(tmp_path):
    path = tmp_path / "it.jsonl"
    path.write_bytes(b'{"text": "a", "label": 1}\n{"text": null, "label": 1}\n')
    reviews = read(path, PrepareConfig())
    assert next(reviews).text == "a"
    with pytest.raises(InputError) as raised:
        next(reviews)
    assert rows_of(path.read_bytes(), "jsonl")[1] == (2, str(raised.value).replace("it.jsonl", "it"))


def test_bad_cells_of_parquet():
    column = pyarrow.array([b"good", b"\xff", None, b"bad"]).view(pyarrow.string())
    file = io.BytesIO()
    parquet.write_table(pyarrow.table({"text": column}), file)
    found = dict(rows_of(file.getvalue(), "parquet"))
    assert (found[1], found[4]) == (("good",), ("bad",))
    assert found[2].startswith("it:2: not UTF-8")
    assert found[3].startswith("it:3: column 'text' holds nothing")


@pytest.mark.parametrize(
    ("text_format", "content", "expected"),
    [
        ("csv", b"review\na\n", "it: no column 'text'; it has 'review'; name one with --text-column"),
        ("csv", b"text,text\na,b\n", "two columns are called 'text'"),
        ("csv", b"t\xff,text\na,b\n", "it:1: byte 2 is not UTF-8"),
        ("tsv", b'"text" a\nb\n', "it:1: "),
        ("parquet", b"text\na\n", "it: not a readable Parquet file"),
    ],
)
def test_what_is_wrong_with_a_table_is_no_row(text_format, content, expected):
    with pytest.raises(InputError, match=expected):
        rows_of(content, text_format)


# Files


def results(labels=("negative", "positive")):
    rows = enumerate(["good", "bad bad", "", "good " * 50], 1)
    return list(predict_rows(classifier(labels), rows))


def written(ending, chunks, labels=("negative", "positive")):
    file = io.StringIO()
    WRITERS[ending](chunks, labels, file)
    return file.getvalue()


def test_both_kinds_of_file_hold_the_same_figures():
    labels = ("so, so", 'the "best"', "größte")
    chunks = [[{**r, "probabilities": dict(zip(labels, (0.1, 1e-17, 1 / 3), strict=True))} for r in c]
              for c in results()]  # fmt: skip
    objects = [json.loads(line) for line in written(".jsonl", chunks, labels).splitlines()]
    assert objects == chunks[0]
    table = list(csv.DictReader(io.StringIO(written(".csv", chunks, labels), newline="")))
    assert list(table[0]) == [
        "row",
        "label",
        "probability",
        "truncated",
        *(f"probability_{n}" for n in labels),
    ]
    for row, result in zip(table, objects, strict=True):
        assert (int(row["row"]), row["label"]) == (result["row"], result["label"])
        assert json.loads(row["truncated"]) is result["truncated"]
        assert float(row["probability"]) == result["probability"]
        assert {name: float(row[f"probability_{name}"]) for name in labels} == result["probabilities"]
    assert {row["truncated"] for row in table} == {"true", "false"}


def test_no_rows_are_no_results():
    assert written(".jsonl", []) == ""
    assert (
        written(".csv", []) == "row,label,probability,truncated,probability_negative,probability_positive\n"
    )


@pytest.mark.parametrize("ending", [".jsonl", ".csv"])
def test_a_chunk_is_in_the_file_when_the_next_one_is_asked_for(tmp_path, ending):
    (chunk,) = results()
    path = tmp_path / "results"

    def chunks():
        for done in range(4):
            assert path.read_text().count("\n") == len(chunk) * done + (ending == ".csv" and done > 0)
            yield chunk

    with path.open("w") as file:
        WRITERS[ending](chunks(), ("negative", "positive"), file)


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "out.csv"
    with staged_file(path, overwrite=False) as file:
        file.write("é\n")
        file.flush()
        assert not path.exists()
    assert path.read_bytes() == "é\n".encode()
    (tmp_path / "plain").touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)
    with pytest.raises(InputError, match="--overwrite"), staged_file(path, overwrite=False):
        raise AssertionError("the file is taken")
    link = tmp_path / "link.csv"
    link.symlink_to(path)
    with staged_file(link, overwrite=True) as file:
        file.write("new\n")
    assert link.is_symlink()
    assert path.read_text() == "new\n"
    assert {item.name for item in tmp_path.iterdir()} == {"out.csv", "plain", "link.csv"}


@pytest.mark.parametrize("error", [InputError("x"), KeyboardInterrupt(), RuntimeError("x")])
def test_nothing_is_left_of_a_file_that_is_not_whole(tmp_path, error):
    old = tmp_path / "old.csv"
    old.write_text("old")

    def write_half(path):
        with staged_file(path, overwrite=True) as file:
            file.write("half")
            raise error

    for name in ("old.csv", "new.csv"):
        with pytest.raises(type(error)):
            write_half(tmp_path / name)
    assert list(tmp_path.iterdir()) == [old]
    assert old.read_text() == "old"


def test_a_file_that_came_meanwhile_is_kept(tmp_path):
    path = tmp_path / "out.csv"
    with pytest.raises(InputError, match="--overwrite"), staged_file(path, overwrite=False):
        path.write_text("another's")
    assert [path] == list(tmp_path.iterdir())
    assert path.read_text() == "another's"


def test_places_for_no_file(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match="is not a file"), staged_file(tmp_path / "folder.csv", True):
        pass
    with pytest.raises(InputError, match="it can't be written"), staged_file(tmp_path / "no" / "a.csv", True):
        pass
    assert not any((tmp_path / "folder.csv").iterdir())
