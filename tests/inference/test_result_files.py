"""Files of results hold what was read and what the model says."""

import csv
import io
import json
import math

import pyarrow
import pytest
from pyarrow import parquet

from keras_sentiment.errors import InputError
from keras_sentiment.inference.result_files import WRITERS, ResultColumns

pytestmark = pytest.mark.once
LABELS = ("so, so", 'the "best"', "größte")
KEPT = [
    ("id", [1, 2, 3]),
    ("input_label", ["a", None, 'b\n"c"']),
    ("more", [{"x": [1]}, {"x": []}, {"x": None}]),
]


def results(kept=KEPT):
    """Three results, with columns of the input."""
    said = [
        {
            "label": LABELS[n],
            "probability": 1 / (n + 3),
            "probabilities": dict(zip(LABELS, (0.1 * n, 1e-17, 1 / 3), strict=True)),
            "truncated": n == 1,
        }
        for n in range(3)
    ]
    return [{"row": n + 2, **{name: values[n] for name, values in kept}, **said[n]} for n in range(3)]


def written(ending, chunks, kept=None, types=None):
    file = io.BytesIO() if ending == ".parquet" else io.StringIO()
    WRITERS[ending](chunks, ResultColumns(kept, types or {}, LABELS), file)
    return file.getvalue()


@pytest.mark.parametrize("known", [True, False])
def test_all_kinds_of_file_hold_the_same(known):
    rows = results()
    names = [name for name, _ in KEPT] if known else None
    types = {"id": pyarrow.int64(), "more": pyarrow.array([{"x": [1]}]).type} if known else None
    chunks = [rows[:2], rows[2:]]
    assert [json.loads(line) for line in written(".jsonl", chunks, names).splitlines()] == rows
    table = parquet.read_table(io.BytesIO(written(".parquet", chunks, names, types))).to_pylist()
    assert table == rows
    read = list(csv.DictReader(io.StringIO(written(".csv", chunks, names), newline="")))
    assert list(read[0])[:4] == ["row", "id", "input_label", "more"]
    for ours, row in zip(read, rows, strict=True):
        assert (int(ours["row"]), int(ours["id"]), ours["label"]) == (row["row"], row["id"], row["label"])
        assert ours["input_label"] == (row["input_label"] or "")
        assert json.loads(ours["more"]) == row["more"]
        assert json.loads(ours["truncated"]) is row["truncated"]
        assert float(ours["probability"]) == row["probability"]
        assert {name: float(ours[f"probability_{name}"]) for name in LABELS} == row["probabilities"]


def test_no_rows_are_no_results():
    assert written(".jsonl", []) == ""
    named = ",".join(f'"probability_{n}"'.replace('""', "") for n in ("so, so",))
    assert written(".csv", [], ["id"]).startswith(f"row,id,label,probability,truncated,{named}")
    assert parquet.read_table(io.BytesIO(written(".parquet", [], ["id"]))).num_rows == 0


def test_what_is_no_number_is_null_in_json():
    (row,) = written(".jsonl", [results([("n", [math.nan] * 3)])[:1]]).splitlines()
    assert json.loads(row, parse_constant=pytest.fail)["n"] is None


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_column_that_comes_late_is_named(ending):
    first, late = results([("id", [1] * 3)]), results([("id", [1] * 3), ("new", [1] * 3)])
    with pytest.raises(InputError, match="row 2: it has 'new', which the rows before it do not have"):
        written(ending, [first, late])


def test_a_type_that_changes_is_named():
    with pytest.raises(InputError, match=r"from row 2 on a column has another type.*write \.jsonl"):
        written(".parquet", [results([("id", [1] * 3)]), results([("id", ["x"] * 3)])])


@pytest.mark.parametrize("ending", [".jsonl", ".csv"])
def test_a_chunk_is_in_the_file_when_the_next_one_is_asked_for(tmp_path, ending):
    chunk = results([])
    path = tmp_path / "results"

    def chunks():
        for done in range(4):
            assert path.read_text().count("\n") == len(chunk) * done + (ending == ".csv" and done > 0)
            yield chunk

    with path.open("w") as file:
        WRITERS[ending](chunks(), ResultColumns([], {}, LABELS), file)


def test_keys_inside_of_objects_are_not_left_out():
    first, late = results([("meta", [{"a": 1}] * 3)]), results([("meta", [{"a": 1, "b": 2}] * 3)])
    assert parquet.read_table(io.BytesIO(written(".parquet", [first, first]))).num_rows == 6
    with pytest.raises(InputError, match="column 'meta' has keys that the rows before it do not have"):
        written(".parquet", [first, late])
    with pytest.raises(InputError, match=r"can't be written as Parquet.*write \.jsonl"):
        written(".parquet", [results([("meta", [{}] * 3)])])


@pytest.mark.parametrize("ending", [".jsonl", ".csv"])
def test_bytes_are_written_as_their_text(ending):
    (_, row) = written(ending, [results([("id", [b"abc"] * 3)])]).splitlines()[:2]
    assert "abc" in row
    assert "b'abc'" not in row


def test_json_lines_hold_any_text_and_nothing_that_a_terminal_obeys(tmp_path):
    text = "\x1b[2J\x9b\u2028\u202e\u200b\U000e0041 é می\u200cخواهم"
    rows = [{"row": 1, "said": text}]
    with (tmp_path / "it.jsonl").open("w", encoding="utf-8", newline="") as file:
        WRITERS[".jsonl"](iter([rows]), ResultColumns(["said"], {}, ["a", "b"]), file)
    written = (tmp_path / "it.jsonl").read_text("utf-8")
    assert json.loads(written)["said"] == text
    assert not set("\x1b\x9b\u2028\u202e\u200b\U000e0041") & set(written)
    assert "é می\u200cخواهم" in written
