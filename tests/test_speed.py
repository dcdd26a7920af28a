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

    expected = 2 * 3 * (products(10, 128, 256) + products(30, 128, 256)) / 2
    found = speed._useful_operations(np.array([10, 30]), "train-transformer")
    assert found == pytest.approx(expected)
    forward = speed._useful_operations(np.array([10, 30]), "score")
    # Two of MiniLM's six blocks are frozen: they are only run forward.
    assert speed._useful_operations(np.array([10, 30]), "train-bert") == pytest.approx(
        forward * (2 + 4 * 3) / 6
    )


def test_ratios_are_to_peers():
    row = speed._row("ours", Timing(100, 10.0), {"loop": Timing(10, 5.0)}, 0.02)
    assert row["times_as_fast_as"] == {"loop": 5.0}
    assert row["reviews_per_second"] == 10
    assert row["share_of_peak"] == pytest.approx(0.2)
