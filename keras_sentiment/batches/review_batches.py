"""Token ids -> padded batches of reviews of similar length, for `fit`, `evaluate` and `predict`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np

from keras_sentiment.batches.devices import ONE_DEVICE, Devices
from keras_sentiment.config import InputConfig
from keras_sentiment.data.encoded_split import Split
from keras_sentiment.data.padding import (
    BatchPlan,
    Rows,
    bucket_batches,
    bucket_lengths,
    padded_rows,
    row_lengths,
    scoring_rows,
)
from keras_sentiment.text.tokenizer import Tokenizer


class ReviewBatches(keras.utils.PyDataset):
    """Batches of reviews of similar length, for `model.fit`, `evaluate` and `predict`.

    They are sorted by length, or drawn with a seed. `for_scoring` says which reviews a batch holds.
    To label texts with a model, `Classifier` is simpler.

    Item: `({"token_ids": int32[batch, length], "padding_mask": int32[batch, length]},
    int32[batch])`, the labels last: float32[batch, num_classes] where the split has soft ones.

    Args:
        split: ids, offsets and labels of the texts.
        tokenizer: the one that made the ids.
        inputs: how ids become rows.
        batch_size: int, reviews in a batch. Batches have the same number of reviews, so that every
            review has the same weight in training: with the same number of tokens instead, a review in a
            batch of many short ones would count less than one in a batch of few long ones. `None` takes as
            many as are scored at once.
        seed: int, from which each epoch's batches are drawn, as a function of (seed, epoch); `None` sorts
            them by length, for evaluation and prediction.
        word_dropout: float in [0, 1), share of the tokens of each review that is left out, drawn anew in each
            epoch (Iyyer et al. 2015, "Deep Unordered Composition Rivals Syntactic Methods for Text
            Classification", section 3.1). Tokens are left out before long reviews are cut, so that more of
            a long review is read.
        devices: the devices that share a batch. With several, an item is this process's part of the batch,
            and ends with the weight of each row, float32[batch]: 0 for rows of [CLS] alone that fill it up.
        class_weight: weight of each label; an item then ends with the weight of each review, float32[batch].
            On a single device give it to `fit` instead, which refuses both together.

    Raises:
        TypeError: the split is something else.
        ValueError: the split is empty, `word_dropout` has no seed, or `use_multiprocessing` is asked for.

    Example:
        >>> split, inputs = corpus.splits["train"], InputConfig(sequence_length=64)
        >>> train = ReviewBatches(split, corpus.tokenizer(), inputs, batch_size=8, seed=1)
        >>> inputs, labels = train[0]
        >>> sorted(inputs), len(labels)
        (['padding_mask', 'token_ids'], 8)
    """

    def __init__(
        self,
        split: Split,
        tokenizer: Tokenizer,
        inputs: InputConfig,
        batch_size: int | None = None,
        seed: int | None = None,
        word_dropout: float = 0.0,
        devices: Devices = ONE_DEVICE,
        class_weight: Mapping[int, float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(split, Split):
            raise TypeError(f"split must be one of corpus.splits. Received: a {type(split).__name__}")
        self.devices, self.class_weight = devices, class_weight
        self.split, self.tokenizer, self.inputs = split, tokenizer, inputs
        self.batch_size, self.seed, self.word_dropout = batch_size, seed, word_dropout
        if word_dropout and seed is None:
            raise ValueError(f"word_dropout needs a seed. Received: word_dropout={word_dropout}, seed=None")
        if len(split) == 0:
            raise ValueError("split must hold at least one review. Received: an empty split")
        # The same number of tokens in every epoch, so that the number of batches never changes.
        self._kept = split.lengths - np.floor(word_dropout * split.lengths).astype("int64")
        # int64[reviews], tokens of each row, specials counted.
        self.lengths = row_lengths(self._kept, inputs)
        # torch compiles nothing on a CPU or with CUDA.
        self._buckets = bucket_lengths(inputs, few=keras.backend.backend() != "torch")
        if self.use_multiprocessing:
            raise ValueError("use_multiprocessing is not supported; workers=N alone uses threads")
        self._counts_epochs = seed is not None
        self._compose(0)

    def on_epoch_end(self) -> None:
        """Draws the batches of the next epoch if all of this epoch have been taken; `fit` calls it.

        Keras also calls it after it has looked at the first batches only.
        """
        if self._counts_epochs and len(self._taken) == self.num_batches:
            self._compose(self.epoch + 1)

    def start_epoch(self, epoch: int, first: int = 0) -> None:
        """Draws the batches of an epoch; from now on the caller counts the epochs.

        Args:
            first: int, how many batches to skip, since an interrupted training has done them.
        """
        self._counts_epochs = False
        self._compose(epoch, first)

    def begin_epoch(self, epoch: int) -> None:
        """Draws the batches of an epoch, unless `start_epoch` has: that epoch may begin in its middle."""
        self._counts_epochs = False
        if self.epoch != epoch:
            self._compose(epoch)

    def _compose(self, epoch: int, first: int = 0) -> None:
        self.epoch, self.first = epoch, first
        self._plan = self._composed(epoch)
        self._taken: set[int] = set()

    def can_begin_at(self, first: int) -> bool:
        """Whether an epoch may begin at a batch: tensorflow infers the shapes of all from the first two."""
        if keras.backend.backend() != "tensorflow":
            return True
        lengths = [length for _, length in self._plan[first:]]
        return len(set(lengths)) == 1 or lengths[0] != lengths[1]

    @property
    def steps(self) -> int:
        """The number of batches in a whole epoch."""
        return len(self._plan)

    def __len__(self) -> int:
        return self.num_batches

    @property
    def num_batches(self) -> int:
        return len(self._plan) - self.first

    @property
    def batch_sizes(self) -> list[int]:
        """The number of reviews in each batch."""
        return [len(rows) for rows, _ in self._plan]

    def sources(self, step: int) -> list[str]:
        """Returns the file and place of each review of a batch."""
        wanted = set(self._plan[step][0].tolist())
        return [record.source for row, record in enumerate(self.split.records()) if row in wanted]

    def for_scoring(self) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """Yields for each batch the positions of its reviews in the split, int64[batch], and its inputs."""
        for rows, length in self._plan:
            yield rows, self.inputs_of(rows, length)

    def __getitem__(self, index: int) -> Any:
        rows, length = self._plan[self.first + index]
        self._taken.add(index)
        soft = self.split.soft_labels
        targets = np.asarray(self.split.labels) if soft is None else soft
        own = rows if self.devices.count == 1 else self.devices.share(rows)
        inputs = self.inputs_of(own, length)
        if self.devices.count == 1 and self.class_weight is None:
            return inputs, targets[own]
        labels = targets[own] if soft is None else targets[own].argmax(axis=1)  # as `fit` weighs them
        weights = [(self.class_weight or {}).get(label, 1.0) for label in labels.tolist()]
        item = inputs, targets[own], np.array(weights, "float32")
        return item if self.devices.count == 1 else self._filled(len(rows), *item)

    def _filled(self, rows: int, inputs: Rows, targets: np.ndarray, weights: np.ndarray) -> Any:
        """Returns this process's part of a batch, filled up to the same number of rows for each device.

        The weighted mean over all rows is the mean over the rows of the batch.
        """
        full = self.devices.padded(rows)
        missing = full // self.devices.processes - len(targets)

        def fill(values: np.ndarray) -> np.ndarray:
            return np.pad(values, [(0, missing)] + [(0, 0)] * (values.ndim - 1))

        filled = {name: fill(values) for name, values in inputs.items()}
        filled["token_ids"][len(targets) :] = self.tokenizer.pad_id
        filled["token_ids"][len(targets) :, 0] = self.tokenizer.cls_id
        filled["padding_mask"][len(targets) :, 0] = 1
        return filled, fill(targets), fill(weights) * np.float32(full / rows)

    def inputs_of(self, rows: np.ndarray, length: int) -> dict[str, np.ndarray]:
        """Returns the inputs of the model for some reviews, padded to a length."""
        texts = [self.split[row] for row in rows]
        if self.word_dropout and len(rows):
            # Each review is in one batch of an epoch, so the first review identifies the batch.
            rng = np.random.default_rng([self.seed, self.epoch, rows[0]])
            for line, row in enumerate(rows):
                kept = rng.choice(len(texts[line]), self._kept[row], replace=False)
                texts[line] = texts[line][np.sort(kept)]
        return padded_rows(texts, length, self.tokenizer, self.inputs)

    def rows_of(self, length: int) -> int:
        """Returns the number of rows of a length in a full batch."""
        if self.batch_size is not None:
            return self.batch_size
        return max(scoring_rows(length) // self.devices.count, 1) * self.devices.count

    def _composed(self, epoch: int) -> BatchPlan:
        rng = None if self.seed is None else np.random.default_rng([self.seed, epoch])
        plan = bucket_batches(self.lengths, self._buckets, self.rows_of, rng)
        if rng is not None:
            plan = _differing_first([plan[i] for i in rng.permutation(len(plan))])
        return plan


def _differing_first(plan: BatchPlan) -> BatchPlan:
    """Moves a batch of another shape to position 1: tensorflow infers all shapes from the first two."""
    rows, length = plan[0]

    def likeness(index: int) -> int:
        return (len(plan[index][0]) == len(rows)) + (plan[index][1] == length)

    if len(plan) > 1:
        other = min(range(1, len(plan)), key=likeness)
        plan[1], plan[other] = plan[other], plan[1]
    return plan
