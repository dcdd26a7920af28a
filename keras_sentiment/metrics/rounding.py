"""How many digits of a figure are printed: those that its interval justifies."""

from __future__ import annotations

import math
from collections.abc import Sequence

MAX_DECIMALS = 4
NONE = "–"


def decimals(interval: Sequence[float] | None) -> int:
    """Returns the decimals that show two significant digits of an interval's half width, at most 4.

    Without an interval, or with one that has no width or no end, 4.

    Example:
        >>> decimals([0.84, 0.88]), decimals([0.4, 0.8]), decimals(None)
        (3, 2, 4)
    """
    half = (interval[1] - interval[0]) / 2 if interval is not None else 0.0
    if not 0 < half < math.inf:
        return MAX_DECIMALS
    return min(MAX_DECIMALS, max(0, 1 - math.floor(math.log10(half))))


def rounded(value: float | None, interval: Sequence[float] | None = None, sign: str = "") -> str:
    """Returns a figure for print, with the decimals of its interval.

    Args:
        value: the figure; a dash stands for `None`.
        sign: `"+"` writes it before numbers above 0 too.

    Example:
        >>> rounded(0.8624, [0.84, 0.88]), rounded(0.0276, [0.0133, 0.0419], "+")
        ('0.862', '+0.028')
    """
    return NONE if value is None else f"{value:{sign}z.{decimals(interval)}f}"


def rounded_span(interval: Sequence[float] | None, sign: str = "") -> str:
    """Returns an interval for print.

    Example:
        >>> rounded_span([0.8433, 0.8793])
        '0.843 to 0.879'
    """
    if interval is None:
        return NONE
    return f"{rounded(interval[0], interval, sign)} to {rounded(interval[1], interval, sign)}"
