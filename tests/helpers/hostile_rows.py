"""Generated rows of delimited tables with texts that are hard to parse, and their files."""

import random
from typing import NamedTuple

ROWS = 240
WORDS = ("good", "bad", "film", "plot", "the", "a", "dull", "fine", "very", "not", "Don't", "CAFE", "7/10")
# Characters that have a meaning in delimited tables.
SIGNS = (
    '"',
    '""',
    "'",
    ",",
    ";",
    "|",
    '","',
    '";"',
    "\\",
    "\\\\",
    '\\"',
    "\\n",
    ", ",
    '"; ',
    "=A1",
    "#",
    "1,",
)
MARKUP = ("<br /><br />", "&amp;", "&quot;", "<3", "http://t.co/x?a=1,b;c&d=2", "@user:", '"so" ', "``", "--")
LATIN = ("é", "ñ", "£", "ß", "½", "\xa0")
WINDOWS = (*LATIN, "’", "“well”", "€", "—", "…")
UNICODE = (*WINDOWS, "😍", "👩‍👩‍👧", "日本語", "\u2028", "ﬁ", "Ж")


class Row(NamedTuple):
    """The parts of a row that must be read."""

    text: str
    label: str
    split: str | None = None


def texts(count, seed, pieces=(), first=0):
    """Different texts of words and of pieces that are hard to parse, also at the start and the end."""
    rng = random.Random(seed)
    pieces = (*SIGNS, *MARKUP, *pieces)
    found = []
    for number in range(first, first + count):
        parts = [rng.choice(WORDS) + " " for _ in range(rng.randint(1, 12))]
        for _ in range(rng.randint(0, 5)):
            parts.insert(rng.choice([0, len(parts), rng.randint(0, len(parts))]), rng.choice(pieces))
        parts.insert(rng.randint(0, len(parts)), f" no{number} ")
        text = "".join(parts)
        found.append(text if rng.random() < 0.2 else text.strip())
    return found


def labelled(seed, labels, pieces=(), split=None, first=0, count=ROWS):
    """Rows, with the same number for each label."""
    return [
        Row(text, labels[number % len(labels)], split)
        for number, text in enumerate(texts(count, seed, pieces, first))
    ]


def quoted(cell):
    return '"' + cell.replace('"', '""') + '"'


def line(cells, delimiter=",", every=False):
    """A line of a table, with quotes around every cell or around those that need them."""
    special = (delimiter, '"', "\n", "\r")
    return delimiter.join(
        quoted(cell) if every or any(c in cell for c in special) else cell for cell in cells
    )


def write(path, lines, encoding="utf-8", end="\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(line + end for line in lines).encode(encoding))
