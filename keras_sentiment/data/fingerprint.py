"""Hashes of texts and fingerprints of sets of labelled texts."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt


def hash_text(text: str) -> bytes:
    """Return a hash of a cleaned text, 16 bytes."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def copy_key(text: str) -> bytes:
    """Return a hash of a cleaned text, 8 bytes, that ignores case, accents, spaces and Unicode form.

    An uncased model reads texts that differ only in these the same way, or nearly so.
    """
    if text.isascii():
        folded = text.lower()
    else:
        decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
        folded = "".join(c for c in decomposed if not unicodedata.combining(c))
    return hashlib.blake2b("".join(folded.split()).encode(), digest_size=8).digest()


def copy_keys(texts: Iterable[str]) -> npt.NDArray[np.uint64]:
    """Return the `copy_key` of each cleaned text as a number, uint64[texts]."""
    return np.fromiter((int.from_bytes(copy_key(text), "big") for text in texts), np.uint64)


def unpack_hashes(hashes: bytes | bytearray) -> npt.NDArray[np.uint64]:
    """Return concatenated hashes as numbers with the same order, uint64[reviews, 2]."""
    return np.frombuffer(hashes, ">u8").reshape(-1, 2).astype(np.uint64)


def fingerprint(
    hashes: npt.NDArray[np.uint64], labels: npt.NDArray[np.integer[Any]], names: Sequence[str]
) -> str:
    """Return the SHA-256 of the sorted (label, text) pairs; it does not depend on the order of the reviews.

    Args:
        hashes: uint64[reviews, 2], `hash_text` of each cleaned text.
        labels: int[reviews], index of each label in `names`.
        names: names of the labels.
    """
    digest = hashlib.sha256()
    for name in sorted(names):
        mine = hashes[labels == names.index(name)]
        mine = mine[np.lexsort((mine[:, 1], mine[:, 0]))]
        digest.update(f"{name}\0{len(mine)}\0".encode() + mine.astype(">u8").tobytes())
    return digest.hexdigest()
