"""Windows over long texts."""

import numpy as np
import pytest

from keras_sentiment.config import InputConfig
from keras_sentiment.data.padding import window_slices

pytestmark = pytest.mark.once


@pytest.mark.parametrize("sequence_length", [3, 4, 10, 512])
@pytest.mark.parametrize("tokens", [0, 1, 2, 8, 9, 12, 13, 509, 510, 511, 765, 766, 5000])
def test_windows_cover_a_text_and_overlap_by_half_at_least(sequence_length, tokens):
    room = sequence_length - 2
    found = window_slices(tokens, InputConfig(sequence_length))
    starts = np.array([part.start for part in found])
    assert all(part.stop - part.start == min(tokens, room) for part in found)
    assert (found[0].start, found[-1].stop) == (0, tokens)
    assert np.all(np.diff(starts) >= 1)
    assert np.all(np.diff(starts) <= max(1, room // 2))
    # The number of windows is minimal.
    assert len(found) <= 1 + np.ceil(max(0, tokens - room) / max(1, room // 2))
