"""Intervals of means that may be skewed, such as the log loss."""

from __future__ import annotations

import numpy as np

from keras_sentiment.metrics.intervals import TAIL, Interval, Units, within

RESAMPLES = 1000
LEAST_UNITS = 10
LEAST_WRONG = 4
_CELLS = 2_000_000  # counts at a time, of resamples times units


def mean_intervals(
    values: np.ndarray, most: np.ndarray, right: np.ndarray, units: Units
) -> tuple[list[Interval], str | None]:
    """Returns 95% intervals of means by the bootstrap-t, which suits skewed values; the same at every call.

    Efron & Tibshirani 1993, "An Introduction to the Bootstrap", section 12.5. Whole units are drawn. A few
    reviews, the wrong ones, hold most of a loss; before `LEAST_WRONG` of them are seen there is no interval,
    since too many resamples would have none.

    Args:
        values: float64[reviews, figures], 0 or more.
        most: float64[figures], the largest value there can be.
        right: bool[reviews], which are labelled rightly.
        units: of the reviews.

    Returns:
        The interval of each figure, and where they are `None`, why.
    """
    nothing: list[Interval] = [None] * len(most)
    if units.count < LEAST_UNITS:
        return nothing, f"fewer than {LEAST_UNITS} {'groups' if units.grouped else 'texts'}"
    for how, rows in (("wrongly", ~right), ("rightly", right)):
        if len(np.unique(units.of[rows])) < LEAST_WRONG:
            of = "groups have a text that is" if units.grouped else "texts are"
            return nothing, f"fewer than {LEAST_WRONG} {of} labelled {how}"
    means, limits = values.mean(axis=0), _bootstrap_t(values, units)
    three = zip(means, limits, most, strict=True)
    return [within(mean, low, high, most=largest) for mean, (low, high), largest in three], None


def _bootstrap_t(values: np.ndarray, units: Units) -> np.ndarray:
    """Returns limits of the means of columns, float64[figures, 2]."""
    number, count = len(values), units.count
    mean = values.mean(axis=0)
    sizes = np.bincount(units.of, minlength=count).astype("float64")
    parts = np.stack([units.sums(column) for column in (values - mean).T], axis=1)
    rest = [parts, parts**2, parts * sizes[:, None], sizes[:, None] ** 2]
    columns = np.concatenate([sizes[:, None], *rest], axis=1)
    rng, chunks, rows = np.random.default_rng(0), [], max(1, _CELLS // count)
    for begin in range(0, RESAMPLES, rows):
        drawn = rng.integers(count, size=(min(rows, RESAMPLES - begin), count))
        drawn += np.arange(len(drawn))[:, None] * count
        counts = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape)
        chunks.append(counts @ columns)
    size, moved, squares, crossed, sizes2 = np.split(
        np.concatenate(chunks), np.cumsum([1, *[parts.shape[1]] * 3]), axis=1
    )
    moved = moved / size
    error = np.sqrt(np.maximum(squares - 2 * moved * crossed + moved**2 * sizes2, 0)) / size
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.nan_to_num(moved / error, nan=0.0, posinf=np.inf, neginf=-np.inf)
    low, high = np.quantile(ratios, (TAIL, 1 - TAIL), axis=0, method="inverted_cdf")
    spread = np.sqrt((parts**2).sum(axis=0)) / number
    # A quantile is infinite where resamples without any spread are many; what does not vary has no limits.
    reach = np.stack([-high, -low], axis=1) * np.maximum(spread, np.finfo("float64").tiny)[:, None]
    return mean[:, None] + reach
