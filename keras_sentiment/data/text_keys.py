"""Texts that are known by their keys alone, so that it can be told later which texts a model has seen."""

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
    """A set of cleaned texts, as the keys that copies of a text share (`fingerprint.copy_key`).

    Args:
        keys: uint64[texts], increasing.
    """

    keys: npt.NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.keys)

    @classmethod
    def of(cls, texts: Iterable[str]) -> TextKeys:
        """Returns the set of some cleaned texts."""
        return cls(np.unique(copy_keys(texts)))

    def union(self, *others: TextKeys) -> TextKeys:
        """Returns the texts of this set and of others."""
        return TextKeys(np.unique(np.concatenate([self.keys, *(other.keys for other in others)])))

    def count(self, keys: npt.NDArray[np.uint64]) -> int:
        """Returns how many of some texts are in this set, each as often as it is given.

        Args:
            keys: uint64[texts], what `copy_keys` gives for them.
        """
        return int(np.isin(keys, self.keys).sum())

    def write(self, path: Path) -> None:
        """Writes a file that is there whole or not at all.

        Raises:
            InputError: it can't be written.
        """
        remove_abandoned(path)
        with writing(path), staged_path(path) as staging, staging.open("wb") as file:
            np.save(file, self.keys.astype(_ON_DISK), allow_pickle=False)

    @classmethod
    def read(cls, path: Path, fix: str) -> TextKeys:
        """Returns what was written, in memory.

        Args:
            fix: what a message tells to do.

        Raises:
            InputError: it can't be read, or is no list of keys.
        """
        try:
            keys = np.array(open_array(path, _ON_DISK), np.uint64)
            if np.any(keys[1:] <= keys[:-1]):
                raise InputError("the keys are not in order")
        except InputError as error:
            raise InputError(
                f"{path}: it doesn't tell what texts the model has seen ({error}); {fix}"
            ) from None
        return cls(keys)


NO_TEXTS = TextKeys(np.empty(0, np.uint64))
