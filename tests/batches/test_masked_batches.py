"""Masked batches: what is to be found is masked, and nothing else."""

import numpy as np
import pytest

from helpers.tiny import INPUTS, TOKENIZER, make_split
from keras_sentiment.batches.masked_batches import MaskedBatches
from keras_sentiment.errors import InputError
from keras_sentiment.text.tokenizer import Tokenizer

pytestmark = pytest.mark.once


def test_masks_hide_what_is_to_be_found_and_nothing_else():
    split = make_split([30] * 200)
    batches = MaskedBatches(split, TOKENIZER, INPUTS, 100, seed=1, mask_rate=0.2)
    plain = batches.inputs_of(np.arange(100), 40)
    rng = np.random.default_rng(0)
    inputs, tokens, weights = batches._hide(plain, rng)
    positions = inputs["mask_positions"]
    assert tokens.shape == weights.shape == positions.shape == (100, 8)
    np.testing.assert_array_equal(tokens, np.take_along_axis(plain["token_ids"], positions, axis=1))
    assert weights.sum(axis=1).tolist() == [6] * 100  # a fifth of 30, not of 32 or 40
    changed = inputs["token_ids"] != plain["token_ids"]
    counted = np.zeros_like(changed)
    np.put_along_axis(counted, positions, weights > 0, axis=1)
    assert not changed[~counted].any()
    assert not counted[
        np.isin(plain["token_ids"], [TOKENIZER.pad_id, TOKENIZER.cls_id, TOKENIZER.sep_id])
    ].any()
    hidden = (inputs["token_ids"] == TOKENIZER.mask_id)[counted].mean()
    assert 0.7 < hidden < 0.9
    assert hidden < changed[counted].mean() < 0.98
    first = batches[0][0]["token_ids"]
    np.testing.assert_array_equal(first, batches[0][0]["token_ids"])
    batches.start_epoch(1)
    assert batches[0][0]["token_ids"].shape != first.shape or (batches[0][0]["token_ids"] != first).any()
    with pytest.raises(InputError, match=r"no \[MASK\]"):
        MaskedBatches(split, Tokenizer(TOKENIZER.vocabulary[:4]), INPUTS, 4, mask_rate=0.2)
