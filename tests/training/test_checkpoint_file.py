"""A checkpoint on disk: every damage is seen."""

import keras
import numpy as np
import pytest

from keras_sentiment.errors import InputError
from keras_sentiment.training.checkpoint_file import Checkpoint, random_state, restore, set_random_state

pytestmark = pytest.mark.once


def test_every_damage_is_seen(tmp_path):
    expected = Checkpoint(
        {"a": np.arange(100.0), "b": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "c": np.array(3)},
        {"epoch": 1},
    )
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


@pytest.mark.parametrize(
    "arrays", [{}, {"model_00000": np.zeros(3)}, {"model_00000": np.array([["a", "b"]])}]
)
def test_a_checkpoint_of_another_model_is_refused(arrays):
    variables = [keras.Variable(np.zeros((1, 2)))]
    with pytest.raises(InputError, match=r"no model_00000 of shape \[1, 2\]"):
        restore(variables, "model", arrays)


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="only torch has a generator of its own")
@pytest.mark.parametrize(
    "change",
    [
        lambda state: state[8:12].view("<i4").__setitem__(0, 625),
        lambda state: state[8:12].view("<i4").__setitem__(0, 0),
        lambda state: state[16:24].view("<u8").__setitem__(0, 623),
        lambda state: state[16:24].view("<u8").__setitem__(0, 2**63),
        lambda state: state.resize(16, refcheck=False),
    ],
)
def test_a_state_that_torch_would_read_behind_is_refused(change):
    import torch

    for draws in (0, 1, 100, 623, 1, 1000):
        torch.rand(draws)
        set_random_state(random_state())
    torch.manual_seed(1)
    arrays = random_state()
    state = arrays["random_0"].copy()
    change(state)
    with pytest.raises(InputError, match="no state of torch's generator"):
        set_random_state({**arrays, "random_0": state})
