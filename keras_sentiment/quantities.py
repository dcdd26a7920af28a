"""Numbers as messages hold them: a time, a count with its noun, a share of so many texts."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Returns a time in the units that a person would choose.

    Example:
        >>> duration(0.2), duration(4.4), duration(75), duration(3700)
        ('under 1 s', '4 s', '1 min 15 s', '1 h 2 min')
    """
    if seconds < 1:
        return "under 1 s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 600:  # of longer times the seconds tell nothing
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def plural(count: int, noun: str) -> str:
    """Returns a number with its noun.

    Example:
        >>> plural(1, "review"), plural(1500, "review"), plural(2, "batch"), plural(2, "epoch")
        ('1 review', '1,500 reviews', '2 batches', '2 epochs')
    """
    if count == 1:
        return f"1 {noun}"
    return f"{count:,} {noun}{'es' if noun.endswith(('s', 'x', 'tch', 'sh')) else 's'}"


def figure(value: float, texts: int) -> str:
    """Returns an accuracy or a loss with the decimals that so many texts justify: two, three or four.

    Example:
        >>> figure(0.327049, 20), figure(0.327049, 2500), figure(0.327049, 25000)
        ('0.33', '0.327', '0.3270')
    """
    return f"{value:.{2 if texts < 100 else 3 if texts < 10_000 else 4}f}"
