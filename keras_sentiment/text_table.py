"""Tables of plain text whose columns align in a terminal, also with letters that are two cells wide."""

from __future__ import annotations

from collections.abc import Sequence

from keras_sentiment.escaping import printable


def text_table(rows: Sequence[Sequence[str]], left: int = 1, between: str = "  ") -> list[str]:
    """Returns the lines of a table.

    Args:
        rows: the cells of each row, as many in each; what a terminal would obey is escaped.
        left: how many columns, the first ones, align to the left; the others to the right.
        between: two columns.

    Example:
        >>> print("\\n".join(text_table([("positive", "7"), ("良い", "1,250")])))
        positive      7
        良い      1,250
    """
    from rich.cells import cell_len

    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for row in cells:
        padded = []
        for place, (cell, width) in enumerate(zip(row, widths, strict=True)):
            spaces = " " * (width - cell_len(cell))
            padded.append(cell + spaces if place < left else spaces + cell)
        lines.append(between.join(padded).rstrip())
    return lines
