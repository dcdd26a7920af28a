"""An index on disk of what splitting needs: hash, key, label, split, position and group of each review."""

from __future__ import annotations

import struct
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_sentiment.data.config import PrepareConfig
from keras_sentiment.data.fingerprint import hash_text
from keras_sentiment.data.groups import UNKNOWN, number_groups
from keras_sentiment.data.reviews import Review, name_labels
from keras_sentiment.data.splitting import SPLITS, TRAIN, Assignment, assign


class _Codes(dict[str, int]):
    """Assigns numbers to names, in the order of their first use."""

    def __missing__(self, name: str) -> int:
        self[name] = len(self)
        return self[name]


# A record of the file.
_RECORD = np.dtype(
    [
        ("hash", ">u8", 2),
        ("key", ">u8"),
        ("label", "<i4"),
        ("split", "i1"),
        ("position", "<i8"),
        ("group", "<i8"),
    ]
)
_pack = struct.Struct("<16s8sibqq").pack


def short_hashes(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return each hash as 64 bits, uint64[reviews]; one in a million large corpora has a collision."""
    short: npt.NDArray[np.uint64] = (hashes[:, 0] ^ hashes[:, 1]).astype(np.uint64)
    return short


class ReviewIndex:
    """An index on disk with 45 bytes for each review, mapped into memory to read it.

    Args:
        path: path of the index, which is written review by review and then read.
        files: closes the file.
    """

    def __init__(self, path: Path, files: ExitStack) -> None:
        self._file = files.enter_context(path.open("wb"))
        self._count = 0
        self._label_codes = _Codes()
        self._group_codes = _Codes()

    def __len__(self) -> int:
        return self._count

    def add(self, review: Review, text: str, key: bytes) -> None:
        """Appends a review.

        Args:
            review: the review.
            text: its cleaned text.
            key: `copy_key` of the cleaned text.
        """
        position = UNKNOWN if review.position is None else review.position
        group = UNKNOWN if review.group is None else self._group_codes[review.group]
        label = self._label_codes[review.label]
        split = SPLITS.index(review.split or "train")
        self._file.write(_pack(hash_text(text), key, label, split, position, group))
        self._count += 1

    def _column(self, name: str) -> npt.NDArray[Any]:
        self._file.flush()
        return np.memmap(self._file.name, _RECORD, "r")[name] if self._count else np.empty(0, _RECORD)[name]

    @property
    def hashes(self) -> npt.NDArray[np.uint64]:
        """uint64[reviews, 2], `hash_text` of the cleaned texts."""
        return self._column("hash")

    def renamed(self) -> tuple[npt.NDArray[np.int32], list[str]]:
        """Return the index of each review's label, int32[reviews], and the sorted names of the labels."""
        final = name_labels(self._label_codes)
        names = sorted(set(final.values()))
        codes = np.array([names.index(final[name]) for name in self._label_codes], np.int32)
        return codes[self._column("label")], names

    def held_out(self, assignment: Assignment) -> npt.NDArray[np.uint64]:
        """Return the `copy_key` of the texts in validation and test, uint64[reviews]."""
        return self._column("key")[assignment.splits > TRAIN].astype(np.uint64)

    def label_names(self) -> dict[str, str]:
        """Return the name in the corpus of each label of the source."""
        return name_labels(self._label_codes)

    def label_counts(self) -> dict[str, int]:
        """Return the number of reviews of each label of the source."""
        counts = np.bincount(self._column("label"), minlength=len(self._label_codes)).tolist()
        return dict(zip(self._label_codes, counts, strict=True))

    def group_numbers(self, labels: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
        """Return the number of each review's group, int64[reviews], -1 where it is not known.

        Args:
            labels: int32[reviews], as `renamed` returns them.
        """
        return number_groups(self._column("group"), self._column("position"), labels, self._column("split"))

    def assign(self, labels: npt.NDArray[np.int32], names: list[str], config: PrepareConfig) -> Assignment:
        """Return the split of each review."""
        positions, groups, given = self._column("position"), self._column("group"), self._column("split")
        in_blocks = bool((positions[given == TRAIN] >= 0).all())
        return assign(
            # A source that is split into blocks of positions has exact copies only.
            short_hashes(self.hashes) if in_blocks else self._column("key").astype(np.uint64),
            labels,
            names,
            config=config,
            given=given,
            positions=positions if in_blocks else None,
            groups=groups if self._group_codes else None,
        )
