"""A checkpoint on disk: every damage is seen."""

import numpy as np
import pytest

from keras_sentiment.training.checkpoint_file import Checkpoint

pytestmark = pytest.mark.once


def test_every_damage_is_seen(tmp_path):
    expected = Checkpoint({"a": np.arange(100.0), "b": np.eye(3, dtype="float32")}, {"epoch": 1})
    expected.write(tmp_path / "good.npz")
    found = Checkpoint.read(tmp_path / "good.npz")
    assert found.state == expected.state
    content = (tmp_path / "good.npz").read_bytes()
    for position in range(0, len(content), 7):
        damaged = bytearray(content)
        damaged[position] ^= 0x55
        (tmp_path / "bad.npz").write_bytes(damaged)
        found = Checkpoint.read(tmp_path / "bad.npz")
        if found is not None:  # a time or an attribute of the zip, which says nothing
            assert found.state == expected.state
            for name, array in expected.arrays.items():
                np.testing.assert_array_equal(found.arrays[name], array)
    for length in range(0, len(content), 50):
        (tmp_path / "bad.npz").write_bytes(content[:length])
        assert Checkpoint.read(tmp_path / "bad.npz") is None
    assert Checkpoint.read(tmp_path / "none.npz") is None
