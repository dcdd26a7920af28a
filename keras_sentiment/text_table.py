"""Tables of plain text whose columns align in a terminal, also with letters that are two cells wide."""

from __future__ import annotations

from collections.abc import Sequence

from keras_sentiment.escaping import printable

MAX_WIDTH = 60  # of a column: a label may have 200 characters


def text_table(rows: Sequence[Sequence[str]], left: int = 1, between: str = "  ") -> list[str]:
    """Returns the lines of a table.

    Args:
        rows: the cells of each row, as many in each. Control characters are escaped, and a cell that is
            wider than `MAX_WIDTH` ends in an ellipsis.
        left: how many columns, the first ones, align to the left; the others to the right.
        between: two columns.

    Example:
        >>> print("\\n".join(text_table([("positive", "7"), ("良い", "1,250")])))
        positive      7
        良い      1,250
    """
    from rich.cells import cell_len, set_cell_size

    cells = [[printable(cell) for cell in row] for row in rows]
    cells = [
        [cell if cell_len(cell) <= MAX_WIDTH else f"{set_cell_size(cell, MAX_WIDTH - 1)}…" for cell in row]
        for row in cells
    ]
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for row in cells:
        padded = []
        for place, (cell, width) in enumerate(zip(row, widths, strict=True)):
            spaces = " " * (width - cell_len(cell))
            padded.append(cell + spaces if place < left else spaces + cell)
        lines.append(between.join(padded).rstrip())
    return lines
