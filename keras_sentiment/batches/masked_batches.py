"""Unlabelled texts -> padded batches for masked-token pretraining."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_sentiment.batches.review_batches import ReviewBatches
from keras_sentiment.data.padding import Rows
from keras_sentiment.errors import InputError
from keras_sentiment.text.tokenizer import MASK

_HIDDEN, _REPLACED = 0.8, 0.1  # shares of the chosen tokens; the rest keep their ids


class MaskedBatches(ReviewBatches):
    """Batches of texts of like length, for masked-token pretraining (Devlin et al. 2019, "BERT", sec. 3.1).

    Every token has the same weight: a batch holds as many tokens as `batch_size` texts have on average.

    Item: `({"token_ids": int32[batch, length], "padding_mask": int32[batch, length],
    "mask_positions": int32[batch, masks]}, int32[batch, masks], float32[batch, masks])`: the original
    tokens at these positions, and the weight of each: 1, or 0 where a shorter row has fewer masks.

    Args:
        mask_rate: float in (0, 1), share of the tokens of a row to predict; drawn anew in each epoch.

    Raises:
        InputError: the vocabulary has no [MASK].
    """

    def __init__(self, *args: Any, mask_rate: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.tokenizer.mask_id is None:
            raise InputError(f"the vocabulary has no {MASK}; prepare the corpus with another --tokenizer")
        self._mask_id = self.tokenizer.mask_id
        self.mask_rate = mask_rate

    def __getitem__(self, index: int) -> Any:
        rows, length = self._plan[self.first + index]
        self._taken.add(index)
        own = self.devices.share(rows)
        rng = np.random.default_rng([self.seed or 0, self.epoch, int(rows[0]), self.devices.process])
        return self._filled(len(rows), *self._hide(self.inputs_of(own, length), rng))

    def rows_of(self, length: int) -> int:
        """Returns the number of rows of a length in a full batch."""
        if self.batch_size is None:
            return super().rows_of(length)
        return max(1, round(self.batch_size * self.lengths.mean() / length))

    def _hide(self, inputs: Rows, rng: np.random.Generator) -> tuple[Rows, np.ndarray, np.ndarray]:
        tokenizer, mask_rate = self.tokenizer, self.mask_rate
        token_ids = inputs["token_ids"]
        specials = [tokenizer.pad_id, tokenizer.cls_id, tokenizer.sep_id]
        drawn = np.where(np.isin(token_ids, specials), 2.0, rng.random(token_ids.shape))
        most = max(1, round(mask_rate * token_ids.shape[1]))
        positions = np.sort(np.argsort(drawn, axis=1)[:, :most], axis=1).astype("int32")
        wanted = np.take_along_axis(token_ids, positions, axis=1)
        tokens = inputs["padding_mask"].sum(axis=1, keepdims=True) - 2
        rank = np.argsort(np.argsort(np.take_along_axis(drawn, positions, axis=1), axis=1), axis=1)
        counts = rank < np.clip(np.round(mask_rate * tokens), 1, tokens)
        fate = rng.random(wanted.shape)
        others = rng.integers(0, tokenizer.vocabulary_size, wanted.shape)
        shown = np.where(fate < _HIDDEN, self._mask_id, np.where(fate < _HIDDEN + _REPLACED, others, wanted))
        hidden = token_ids.copy()
        np.put_along_axis(hidden, positions, np.where(counts, shown, wanted).astype("int32"), axis=1)
        return {**inputs, "token_ids": hidden, "mask_positions": positions}, wanted, counts.astype("float32")
