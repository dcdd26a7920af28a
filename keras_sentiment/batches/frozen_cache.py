"""Hidden states of a BERT's frozen part, computed once and read from disk while the rest trains."""

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
    """The same batches as others, with hidden states beside the token ids.

    Item: `({"hidden_states": float16[batch, length, hidden_dim], "token_ids": int32[batch, length],
    "padding_mask": int32[batch, length]}, int32[batch])`, the labels last. The states lie in a file, without
    padding, from `open` on.

    Args:
        reviews: the other batches.
        lower: `{"token_ids", "padding_mask", "segment_ids"}` -> float[batch, length, hidden_dim], frozen.
        folder: for the file; one of the same reviews through the same weights is used again.
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
        """How much `open` will write."""
        return 0 if self._path.is_file() else 2 * int(self._offsets[-1]) * self._states.shape[1]

    def open(self, keep: bool = False, quiet: bool = False) -> None:
        """Maps the file of hidden states, and computes it first if it is not there.

        Args:
            keep: whether the file outlives this process.
            quiet: whether to show no progress bar.

        Raises:
            InputError: it can't be written.
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
            # Room is taken now: writing to mapped memory that finds none would kill the process.
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
        """A hash of all that the hidden states depend on."""
        digest = hashlib.sha256(repr((self.inputs, self._lower.get_config())).encode())
        for array in (self.split.ids, self.split.offsets, *self._lower.get_weights()):
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()[:32]

    def inputs_of(self, rows: np.ndarray, length: int) -> dict[str, np.ndarray]:
        """Returns what the part above the frozen one takes for some reviews, padded to a length."""
        hidden_states = np.zeros((len(rows), length, self._states.shape[1]), "float16")
        for line, row in enumerate(rows):
            begin, end = self._offsets[row : row + 2]
            hidden_states[line, : end - begin] = self._states[begin:end]
        return {**super().inputs_of(rows, length), "hidden_states": hidden_states}


def cached_batches(
    batches: Sequence[ReviewBatches], lower: keras.Model, folder: Path, quiet: bool = False
) -> list[HiddenStateBatches]:
    """Returns the batches with hidden states beside their token ids, of which `open` makes the file.

    Args:
        lower: the frozen part.
        folder: for the files.
        quiet: whether not to say how large they will be.

    Raises:
        InputError: the disk has no room for them, or several processes train.
    """
    if batches[0].devices.processes > 1:
        raise InputError("--cache-frozen is for one process; leave it out")
    cached = [HiddenStateBatches(each, lower, folder) for each in batches]
    needed = sum(each.missing_bytes for each in cached)
    fix = "leave out --cache-frozen, lower --sequence-length, or choose another --cache-dir"
    require_disk_space(folder, needed, "the hidden states", fix)
    if not quiet:
        tell(f"Hidden states of the frozen part: {needed / 1e9:.1f} GB in {folder}")
    return cached
