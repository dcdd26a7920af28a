"""Rows that can't be used: all kinds are in one message, or the rows are left out, counted and listed."""

import csv
import json

import pandas as pd
import pytest

from helpers.tiny import TOKENIZER, reviews
from keras_sentiment.data.corpus import open_corpus
from keras_sentiment.data.preparation import prepare
from keras_sentiment.data.summary import summarize
from keras_sentiment.errors import InputError

pytestmark = pytest.mark.once

ROWS = [(review.text, review.label) for review in reviews(60)]


@pytest.fixture
def options(tmp_path):
    TOKENIZER.save(tmp_path / "words")
    return {"tokenizer": str(tmp_path / "words")}


def write(path, rows):
    """A table with rows of too many fields, without a text, without a label, and of only markup."""
    lines = ["text,label", *(f"{text},{label}" for text, label in rows)]
    lines[10:10] = ["good,fun,pos", ",pos", "good,", "<br>,neg"]
    lines[20:20] = [",neg", "dull, \x20"]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_all_kinds_of_errors_are_in_one_message(options, tmp_path):
    path = write(tmp_path / "it.csv", ROWS)
    with pytest.raises(InputError) as caught:
        prepare(path, tmp_path / "data", quiet=True, **options)
    message = str(caught.value)
    assert message.startswith("6 rows can't be used: ")
    for part in (
        "it.csv:11: the row has 3 instead of 2 fields",
        "it.csv:12: the review has no text after cleaning; remove it (also it.csv:14, it.csv:21)",
        "it.csv:13: column 'label' is empty",
        "(also it.csv:22)",
        "--on-error skip",
    ):
        assert part in message, part
    assert not (tmp_path / "data").exists()


def test_bad_rows_are_left_out_and_listed(options, tmp_path, capsys):
    path = write(tmp_path / "it.csv", ROWS)
    corpus = prepare(path, tmp_path / "data", on_error="skip", quiet=False, **options)
    told = capsys.readouterr().err
    assert told.count("Left out: it.csv:") == 6
    assert corpus.info["rejected"] == 6
    assert "rows left out: 6, listed in rejected.csv" in summarize(corpus.info)
    with (tmp_path / "data" / "rejected.csv").open(newline="") as file:
        listed = list(csv.DictReader(file))
    # Errors of reading come before errors of cleaning, so the order differs.
    assert {row["row"] for row in listed} == {f"it.csv:{n}" for n in (11, 12, 13, 14, 21, 22)}
    assert all(row["reason"] for row in listed)
    clean = tmp_path / "clean.csv"
    clean.write_text("\n".join(["text,label", *(f"{text},{label}" for text, label in ROWS)]) + "\n")
    expected = prepare(clean, tmp_path / "clean", quiet=True, **options)
    assert corpus.info["fingerprint"] == expected.info["fingerprint"]
    assert prepare(path, tmp_path / "data", on_error="skip", overwrite=True, quiet=True, **options)
    assert open_corpus(tmp_path / "data").info["rejected"] == 6


@pytest.mark.parametrize("kind", ["frame", "pairs", "jsonl"])
def test_bad_rows_of_every_kind_of_table_are_counted(kind, options, tmp_path):
    rows = [*ROWS, (None, "pos"), ("good", None), ("", "neg")]
    if kind == "frame":
        source = pd.DataFrame(rows, columns=["text", "label"])
    elif kind == "jsonl":
        source = tmp_path / "it.jsonl"
        lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
        source.write_text("\n".join([*lines, "no JSON"]) + "\n")
    else:
        source = rows
    count = 4 if kind == "jsonl" else 3
    with pytest.raises(InputError, match=f"{count} rows can't be used"):
        prepare(source, tmp_path / "data", quiet=True, **options)
    corpus = prepare(source, tmp_path / "data", on_error="skip", quiet=True, **options)
    assert corpus.info["rejected"] == count


def test_more_bad_rows_than_good_ones_is_an_error(options, tmp_path):
    rows = [*ROWS[:10], *(("good", None) for _ in range(11))]
    with pytest.raises(InputError, match=r"only 10 of 21 rows can be used: pair 11: .* is empty"):
        prepare(rows, tmp_path / "data", on_error="skip", quiet=True, **options)
    with pytest.raises(InputError, match="on_error must be fail or skip"):
        prepare(ROWS, tmp_path / "data", on_error="ignore", quiet=True, **options)
    assert not (tmp_path / "data").exists()
