"""Hidden states of a BERT's frozen blocks, computed once and read from disk while the other blocks train."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_sentiment.batches.review_batches import ReviewBatches
from keras_sentiment.errors import InputError
from keras_sentiment.messages import tell
from keras_sentiment.progress import Progress
from keras_sentiment.storage.atomic import remove_abandoned, staged_path, writing
from keras_sentiment.storage.disk_space import require_disk_space


class HiddenStateBatches(ReviewBatches):
    """Batches of another `ReviewBatches` with hidden states beside the token ids.

    Item: `({"hidden_states": float16[batch, length, hidden_dim], "token_ids": int32[batch, length],
    "padding_mask": int32[batch, length]}, int32[batch])`, the labels last. `open` makes the file that holds
    the states, without padding.

    Args:
        reviews: the batches to add hidden states to.
        lower: `{"token_ids", "padding_mask", "segment_ids"}` -> float[batch, length, hidden_dim], frozen.
        folder: of the file; a file made of the same reviews and weights is used again.
    """

    def __init__(self, reviews: ReviewBatches, lower: keras.Model, folder: Path, **kwargs: Any) -> None:
        split, tokenizer, inputs = reviews.split, reviews.tokenizer, reviews.inputs
        super().__init__(
            split,
            tokenizer,
            inputs,
            reviews.batch_size,
            reviews.seed,
            devices=reviews.devices,
            class_weight=reviews.class_weight,
            **kwargs,
        )
        self._lower = lower
        self._offsets = np.concatenate([[0], np.cumsum(self.lengths)])
        self._path = folder / f"{self._identity()}.npy"
        self._states = np.empty((0, lower.output.shape[-1]), "float16")

    @property
    def missing_bytes(self) -> int:
        """How many bytes `open` will write."""
        return 0 if self._path.is_file() else 2 * int(self._offsets[-1]) * self._states.shape[1]

    def open(self, keep: bool = False, quiet: bool = False) -> None:
        """Opens the file of hidden states as a memory map; computes it first where it is missing.

        Args:
            keep: whether the file stays when this process ends.
            quiet: whether to show no progress.

        Raises:
            InputError: the file can't be written.
        """
        with writing(self._path, fix="; leave out --cache-frozen"):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if not self._path.is_file():
                remove_abandoned(self._path)
                with staged_path(self._path) as staging:
                    self._compute(staging, quiet)
            self._states = np.load(self._path, mmap_mode="r")
        if not keep:
            # Without a name it stays readable here, except on Windows, and no crash leaves it behind.
            with suppress(PermissionError):
                self._path.unlink()

    def _compute(self, path: Path, quiet: bool) -> None:
        shape = (int(self._offsets[-1]), self._states.shape[1])
        states = np.lib.format.open_memmap(path, "w+", "float16", shape)
        if hasattr(os, "posix_fallocate"):
            # Allocate the disk space now: a write to mapped memory on a full disk would kill the process.
            with path.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        scoring = ReviewBatches(self.split, self.tokenizer, self.inputs)
        total = len(self.split)
        with Progress("Computing the frozen blocks", total, "reviews", quiet=quiet) as progress:
            for rows, inputs in scoring.for_scoring():
                segment_ids = np.zeros_like(inputs["token_ids"])
                found = self._lower.predict_on_batch({**inputs, "segment_ids": segment_ids})
                for row, vectors in zip(rows, found, strict=True):
                    begin, end = self._offsets[row : row + 2]
                    states[begin:end] = vectors[: end - begin]
                progress.update(len(rows))
        states.flush()

    def _identity(self) -> str:
        """Returns a hash of the reviews, the inputs and the frozen weights, on which the states depend."""
        digest = hashlib.sha256(repr((self.inputs, self._lower.get_config())).encode())
        for array in (self.split.ids, self.split.offsets, *self._lower.get_weights()):
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()[:32]

    def inputs_of(self, rows: np.ndarray, length: int) -> dict[str, np.ndarray]:
        """Returns the inputs of the trainable part for some reviews, padded to a length."""
        hidden_states = np.zeros((len(rows), length, self._states.shape[1]), "float16")
        for line, row in enumerate(rows):
            begin, end = self._offsets[row : row + 2]
            hidden_states[line, : end - begin] = self._states[begin:end]
        return {**super().inputs_of(rows, length), "hidden_states": hidden_states}


def cached_batches(
    batches: Sequence[ReviewBatches], lower: keras.Model, folder: Path, quiet: bool = False
) -> list[HiddenStateBatches]:
    """Returns batches with hidden states beside the token ids; call `open` of each before training.

    Args:
        lower: the frozen part of the model.
        folder: of the files.
        quiet: whether to leave out the message on their size.

    Raises:
        InputError: the disk is too small for the files, or several processes train.
    """
    if batches[0].devices.processes > 1:
        raise InputError("--cache-frozen works in one process only; leave it out")
    cached = [HiddenStateBatches(each, lower, folder) for each in batches]
    needed = sum(each.missing_bytes for each in cached)
    fix = "leave out --cache-frozen, lower --sequence-length, or choose another --cache-dir"
    require_disk_space(folder, needed, "the hidden states", fix)
    if not quiet:
        tell(f"Hidden states of the frozen part: {needed / 1e9:.1f} GB in {folder}")
    return cached
