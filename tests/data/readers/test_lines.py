"""Lines know where they stand."""

import io

import pytest

from keras_sentiment.data.readers.lines import Lines

pytestmark = pytest.mark.once
# Bytes of line ends stand inside of letters.
TEXTS = [
    "a\n",
    "\r\n",
    "\n",
    "ਊ\u0a00\u0d0a é\n",
    "\u2028b\n",
    "last",
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_a_line_can_be_read_from_where_it_begins(encoding):
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


def test_half_a_character_is_told():
    rows = list(Lines(io.BytesIO("ab\nc".encode("utf-16-le")[:-1]), "it", "utf-16-le"))
    assert [error is None for _, _, error in rows] == [True, False]
    assert "it:2: byte 1 is not UTF-16-LE" in str(rows[1][2])
