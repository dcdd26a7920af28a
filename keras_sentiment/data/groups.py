"""Groups of dependent reviews, such as those of one film; confidence intervals have to consider them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

NEIGHBOURS = 50  # positions of a block; aclImdb has at most 30 reviews of a film
UNKNOWN = -1


def number_groups(
    named: npt.NDArray[np.int64],
    positions: npt.NDArray[np.int64],
    labels: npt.NDArray[np.integer[Any]],
    parts: npt.NDArray[np.integer[Any]],
) -> npt.NDArray[np.int64]:
    """Return the number of each review's group, int64[reviews], -1 if it is not known.

    Named groups keep their numbers. Reviews that have a position instead of a name are grouped into blocks of
    50 neighbouring positions of one label and part, with the numbers that follow. aclImdb does not name the
    films, so a block has several films, and a film may be in two blocks.

    Args:
        named: int64[reviews], number of the named group (author, product), or -1.
        positions: int64[reviews], position in the sequence of reviews, or -1.
        labels: int[reviews], index of the label.
        parts: int[reviews], part of the source; each part has its own sequence of positions.
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
    """Return the group numbers of a split, or None if a review has no group."""
    return None if not len(numbers) or numbers.min() == UNKNOWN else numbers
