"""What splitting needs to know of each review of a corpus, in about 40 bytes."""

from __future__ import annotations

from array import array

import numpy as np
import numpy.typing as npt

from keras_sentiment.config import PrepareConfig
from keras_sentiment.fingerprint import hash_text, unpack_hashes
from keras_sentiment.reviews import Review, name_labels
from keras_sentiment.splits import TRAIN, Assignment, assign


class _Codes(dict[str, int]):
    """Numbers names in the order in which they come."""

    def __missing__(self, name: str) -> int:
        self[name] = len(self)
        return self[name]


def short_hashes(hashes: bytes | bytearray) -> npt.NDArray[np.uint64]:
    """Return 64 bits of each hash, enough to know copies by: one mistake in a million large corpora."""
    whole = unpack_hashes(hashes)
    short: npt.NDArray[np.uint64] = whole[:, 0] ^ whole[:, 1]
    return short


class Catalogue:
    """What splitting needs to know of each review, in about 40 bytes."""

    def __init__(self) -> None:
        self.hashes = bytearray()
        self.labels = array("i")
        self.is_test = array("b")
        self.positions = array("q")
        self.groups = array("q")
        self.label_codes = _Codes()
        self.group_codes = _Codes()

    def __len__(self) -> int:
        return len(self.labels)

    def add(self, review: Review, text: str) -> None:
        self.hashes += hash_text(text)
        self.labels.append(self.label_codes[review.label])
        self.is_test.append(review.part == "test")
        self.positions.append(-1 if review.position is None else review.position)
        if review.group is not None:
            self.groups.append(self.group_codes[review.group])

    def renamed(self) -> tuple[npt.NDArray[np.int64], list[str]]:
        """Return the final label of each review, and the names of the labels."""
        final = name_labels(self.label_codes)
        names = sorted(set(final.values()))
        codes = np.array([names.index(final[name]) for name in self.label_codes], np.int64)
        return codes[np.array(self.labels, np.int64)], names

    def held_out(self, assignment: Assignment) -> npt.NDArray[np.uint64]:
        """Return the hashes of the texts in validation and test, uint64[reviews]."""
        return short_hashes(self.hashes)[assignment.splits > TRAIN]

    def assign(self, labels: npt.NDArray[np.int64], names: list[str], config: PrepareConfig) -> Assignment:
        positions = np.array(self.positions, np.int64)
        groups = np.array(self.groups, np.int64)
        _, texts = np.unique(short_hashes(self.hashes), return_inverse=True)
        return assign(
            texts.astype(np.int64),
            labels,
            names,
            config=config,
            is_test=np.array(self.is_test, bool),
            positions=positions if (positions >= 0).all() else None,
            groups=groups if len(groups) else None,
        )
