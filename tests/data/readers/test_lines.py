"""Lines of text files: numbers, positions and encodings."""

import io

import pytest

from helpers.readers import error_of
from keras_sentiment.data.readers import lines as lines_reader
from keras_sentiment.data.readers.lines import Lines
from keras_sentiment.errors import InputError

pytestmark = pytest.mark.once
# Some of these letters contain the bytes of a line end in UTF-16.
TEXTS = [
    "a\n",
    "\r\n",
    "\n",
    "ਊ\u0a00\u0d0a é\n",
    "\u2028b\n",
    "last",
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_reading_can_start_at_any_line(encoding):
    data = "".join(TEXTS).encode(encoding)
    lines = Lines(io.BytesIO(data), "it", encoding)
    places = [(lines.line, lines.place)]
    for number, text, error in lines:
        assert (text, error) == (TEXTS[number - 1], None)
        places.append((lines.line, lines.place))
    assert places[-1] == (len(TEXTS) + 1, len(data))
    for index, (line, place) in enumerate(places):
        file = io.BytesIO(data)
        file.seek(place)
        rest = list(Lines(file, "it", encoding, line, place))
        assert [text for _, text, _ in rest] == TEXTS[index:]
        assert [number for number, _, _ in rest] == list(range(index + 1, len(TEXTS) + 1))


def test_half_a_character_is_an_error():
    rows = list(Lines(io.BytesIO("ab\nc".encode("utf-16-le")[:-1]), "it", "utf-16-le"))
    assert [error is None for _, _, error in rows] == [True, False]
    assert "it:2: byte 1 is not UTF-16-LE" in str(rows[1][2])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-32-be"])
@pytest.mark.parametrize("end", ["\n", " \r\n"])
def test_too_many_empty_lines_are_refused(monkeypatch, encoding, end):
    monkeypatch.setattr(lines_reader, "FREE_BLANKS", 50)
    full = ("a\n" + end * 9) * 100
    assert len(list(Lines(io.BytesIO(full.encode(encoding)), "it", encoding))) == 1000
    with pytest.raises(InputError, match="it:62: 61 lines so far are empty, and 1 are not"):
        list(Lines(io.BytesIO(("a\n" + end * 100).encode(encoding)), "it", encoding))


def test_a_file_of_empty_lines_is_refused(tmp_path):
    path = tmp_path / "it.csv"
    path.write_bytes(b"\n" * 1_000_000)
    assert "it.csv:100001: 100,001 lines so far are empty, and 0 are not; remove the" in error_of(path)
    path = path.with_suffix(".jsonl")
    path.write_bytes(b'{"text": "a", "label": 1}\n' + b"\n" * 1_000_000)
    assert "lines so far are empty, and 1 are not; remove the empty lines" in error_of(path)
