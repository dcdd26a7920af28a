"""The figures made of the contenders' timings."""

import numpy as np
import pytest

from keras_sentiment import speed
from keras_sentiment.pace import Timing

pytestmark = pytest.mark.once


def test_useful_operations_of_a_block():
    """Counted product by product for two reviews of one block that trains, padding left out."""

    def products(length, width, inner):
        projections = 4 * length * width * width + 2 * length * width * inner
        return 2 * (projections + 2 * length * length * width)

    lengths = np.array([10, 30])
    forward = (products(10, 128, 256) + products(30, 128, 256)) / 2
    assert speed._operations(lengths, 1, 0, 128, 256) == pytest.approx(forward)
    # What trains is run once forward and twice backward, what is frozen only forward.
    assert speed._operations(lengths, 2, 4, 128, 256) == pytest.approx((2 + 3 * 4) * forward)


def test_ratios_are_to_peers():
    row = speed._row("ours", Timing(100, 10.0), {"loop": Timing(10, 5.0)}, 0.02)
    assert row["times_as_fast_as"] == {"loop": 5.0}
    assert row["reviews_per_second"] == 10
    assert row["share_of_peak"] == pytest.approx(0.2)
