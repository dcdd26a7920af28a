"""Which reviews belong together: an interval of a figure has to know, because they are alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

NEIGHBOURS = 50  # aclImdb has at most 30 reviews of a film
UNKNOWN = -1


def number_groups(
    named: npt.NDArray[np.int64],
    positions: npt.NDArray[np.int64],
    labels: npt.NDArray[np.integer[Any]],
    parts: npt.NDArray[np.integer[Any]],
) -> npt.NDArray[np.int64]:
    """Return the number of each review's group, int64[reviews], -1 where it is not known.

    Named groups keep their numbers. Reviews that have a position instead get the numbers after them, one for
    each block of 50 neighbouring positions of a label and part: the films are not named, so a block holds
    several, and a film may lie in two.

    Args:
        named: int64[reviews], numbers of authors, products and the like, or -1.
        positions: int64[reviews], a review's place among its neighbours, or -1.
        labels: int[reviews].
        parts: int[reviews], the part of the source, which counts positions of its own.
    """
    found = np.array(named, np.int64)
    placed = np.flatnonzero((found == UNKNOWN) & (positions != UNKNOWN))
    if len(placed):
        blocks = positions[placed] // NEIGHBOURS
        for numbers in (labels[placed].astype(np.int64), parts[placed].astype(np.int64)):
            blocks = blocks * (numbers.max() + 1) + numbers
        _, index = np.unique(blocks, return_inverse=True)
        found[placed] = found.max(initial=UNKNOWN) + 1 + index
    return found


def where_all_known(numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64] | None:
    """Return the numbers of a split's groups, or None if a review has none."""
    return None if not len(numbers) or numbers.min() == UNKNOWN else numbers
