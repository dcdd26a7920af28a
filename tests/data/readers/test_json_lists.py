"""Reading of JSON lists in pieces, and the messages about damaged ones."""

import json

import pytest

from helpers.readers import error_of, write_file
from helpers.same_rows import ROWS
from keras_sentiment.data.config import TableConfig
from keras_sentiment.data.readers.bad_rows import BadRows
from keras_sentiment.data.readers.sources import read
from keras_sentiment.data.readers.tables import open_named

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('[{"text": "a", "label": 1}, 7]', "it.json:2: the row is of type int and not an object"),
        (
            '[{"text": "a", "label": 1}, {"label": 1}]',
            "it.json:2: the row has no column 'text', only 'label'",
        ),
        ('[{"text": "a", "label": 1}', "it.json: it is not a JSON list after object 1"),
        ('[{"text": "a", "label": 1} {"text"', "it.json: it is not a JSON list after object 1"),
        ('[{"text": "a", "label": 1}, {"text": "b', "it.json: object 2 is not JSON"),
        ('[{"text": "a", "label": 1}]\n{}', "it.json: there is text after the list"),
        ("[]", "it.json: it has no reviews"),
        ('{\n "text": "a"\n}', "it.json:1: the line is not JSON"),
        ('["' + "[" * 100_000, "it.json: object 1 is not JSON"),
        (b'[{"text": "\xe9", "label": 1}]', "after object 0, a byte is not UTF-8 (0xe9)"),
    ],
)
def test_messages_about_json_lists(tmp_path, content, expected):
    assert expected in error_of(write_file(tmp_path / "it.json", content))


def test_a_json_list_is_read_in_pieces(tmp_path, monkeypatch):
    """The result does not depend on where a piece ends."""
    path = write_file(tmp_path / "it.json", json.dumps(ROWS, ensure_ascii=False, indent=1))
    monkeypatch.setattr("keras_sentiment.data.readers.json_values._CHUNK_CHARACTERS", 7)
    assert [review.text for review in read(path)] == [row["text"] for row in ROWS]
    assert [review.source for review in read(path)][-1] == "it.json:300"


@pytest.mark.parametrize("ending", ["jsonl", "json"])
def test_a_lone_surrogate_is_reported_with_its_row(tmp_path, ending):
    rows = '{"text": "good \\ud83d film", "label": 1}', '{"text": "fine \\ud83d\\ude00", "label": 2}'
    content = "\n".join(rows) if ending == "jsonl" else f"[{','.join(rows)}]"
    path = write_file(tmp_path / f"it.{ending}", content)
    assert f"it.{ending}:1: the row has half of a character" in error_of(path)
    bad_rows = BadRows("skip", quiet=True)
    assert [review.text for review in read(path, bad_rows=bad_rows)] == ["fine \U0001f600"]


@pytest.mark.parametrize("chunk", [999, 1 << 20])
def test_the_limit_on_values_is_for_each_object(tmp_path, monkeypatch, chunk):
    # `DataFrame.to_json(orient="records")` writes such a list.
    vector = [0, 1] * 500
    rows = [{"text": f"a film, [{n}]", "label": n % 2, "vector": vector} for n in range(1200)]
    path = write_file(tmp_path / "it.json", json.dumps(rows, separators=(",", ":")))
    assert path.stat().st_size > 2 << 20
    monkeypatch.setattr("keras_sentiment.data.readers.json_values._CHUNK_CHARACTERS", chunk)
    assert [review.text for review in read(path)] == [row["text"] for row in rows]
    monkeypatch.setattr("keras_sentiment.data.readers.lines.MAX_PARTS", 1004)
    assert "it.json:1: the row has more than 1,004 fields" in error_of(path)
    monkeypatch.setattr("keras_sentiment.data.readers.lines.MAX_PARTS", 1005)
    assert len(list(read(path))) == len(rows)


@pytest.mark.parametrize(
    "value", ['a "quote', "\\", '\\"', "\\\\u", "]}", '[{"', "", -1.25e-7, 10**30, True, None, [], {}, [[{}]]]
)
def test_the_end_of_a_json_value_is_found(tmp_path, monkeypatch, value):
    rows = [{"text": f"a film {n}", "label": str(n % 2), "value": [value, {"": value}]} for n in range(9)]
    for chunk in (1, 2, 13):
        monkeypatch.setattr("keras_sentiment.data.readers.json_values._CHUNK_CHARACTERS", chunk)
        with open_named(write_file(tmp_path / "it.json", json.dumps(rows)), TableConfig(), {}) as table:
            assert [row for _, row in table.rows()] == rows
        with open_named(write_file(tmp_path / "it.json", json.dumps([value])), TableConfig(), {}) as table:
            ((number, row),) = table.rows()
            assert number == 1
            assert row == {} if value == {} else "not an object" in str(row)


def test_an_endless_number_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("keras_sentiment.data.readers.json_values._CHUNK_CHARACTERS", 1000)
    path = write_file(tmp_path / "it.json", "[0." + "1" * 1_000_000 + "]")
    assert "it.json: it is not a JSON list after object 1" in error_of(path)
