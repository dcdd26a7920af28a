"""Figures have the digits that their interval justifies."""

import pytest

from keras_sentiment.metrics.rounding import decimals, rounded, rounded_span

pytestmark = pytest.mark.once


@pytest.mark.parametrize("half", [0.4, 0.14, 0.099, 0.02, 0.0098, 0.0012])
def test_two_digits_of_the_half_width_are_shown(half):
    interval = [0.5 - half, 0.5 + half]
    shown = f"{half:.{decimals(interval)}f}"
    assert len(shown.replace(".", "").lstrip("0")) in (2, 3)  # 0.0998 is 0.100
    low, high = map(float, rounded_span(interval).split(" to "))
    assert (high - low) / 2 == pytest.approx(half, rel=0.06)
    assert len(rounded(0.5, interval)) == len(rounded_span(interval).split(" to ")[0])


def test_limits_of_the_rule():
    assert decimals([0.5, 0.5 + 2e-7]) == decimals([0.5, 0.5]) == decimals(None) == 4
    assert rounded(None) == rounded_span(None) == "–"
    assert rounded(-0.001, [-0.2, 0.2]) == "0.00"
    assert rounded(0.001, [-0.2, 0.2], "+") == "+0.00"


def test_an_interval_without_end_justifies_no_digits_less():
    assert decimals([0, float("inf")]) == decimals([float("nan")] * 2) == 4
