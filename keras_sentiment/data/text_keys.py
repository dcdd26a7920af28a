"""A set of texts stored as hashes, which shows later whether a model has seen a text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from keras_sentiment.data.fingerprint import copy_keys
from keras_sentiment.errors import InputError
from keras_sentiment.storage.array_file import open_array
from keras_sentiment.storage.atomic import remove_abandoned, staged_path, writing

_ON_DISK = np.dtype("<u8")


@dataclass(frozen=True, eq=False)
class TextKeys:
    """A set of cleaned texts, stored as their hashes (`fingerprint.copy_key`).

    Args:
        keys: uint64[texts], in ascending order.

    Example:
        >>> len(TextKeys.of(["a gem", "A GEM", "dull"]))
        2
    """

    keys: npt.NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.keys)

    @classmethod
    def of(cls, texts: Iterable[str]) -> TextKeys:
        """Returns the set of cleaned texts."""
        return cls(np.unique(copy_keys(texts)))

    def union(self, *others: TextKeys) -> TextKeys:
        """Returns the union of this set and others."""
        return TextKeys(np.unique(np.concatenate([self.keys, *(other.keys for other in others)])))

    def count(self, keys: npt.NDArray[np.uint64]) -> int:
        """Returns how many texts are in this set; a text that is given twice counts twice.

        Args:
            keys: uint64[texts], `copy_keys` of the cleaned texts.
        """
        return int(np.isin(keys, self.keys).sum())

    def write(self, path: Path) -> None:
        """Writes the set to a file, atomically.

        Raises:
            InputError: it can't be written.
        """
        remove_abandoned(path)
        with writing(path), staged_path(path) as staging, staging.open("wb") as file:
            np.save(file, self.keys.astype(_ON_DISK), allow_pickle=False)

    @classmethod
    def read(cls, path: Path, fix: str) -> TextKeys:
        """Returns the set that `write` wrote.

        Args:
            path: the file.
            fix: the advice at the end of a message.

        Raises:
            InputError: the file can't be read or is damaged.
        """
        try:
            keys = np.array(open_array(path, _ON_DISK), np.uint64)
            if np.any(keys[1:] <= keys[:-1]):
                raise InputError("its keys are not in ascending order")
        except InputError as error:
            raise InputError(f"{path}: the list of known texts can't be read ({error}); {fix}") from None
        return cls(keys)


NO_TEXTS = TextKeys(np.empty(0, np.uint64))
