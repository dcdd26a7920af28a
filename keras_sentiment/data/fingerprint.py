"""What tells two texts, and two sets of labelled texts, apart."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt


def hash_text(text: str) -> bytes:
    """Return the 16 bytes by which equal cleaned texts are known."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def copy_key(text: str) -> bytes:
    """Return 8 bytes that are equal where two cleaned texts differ in case, accents, spaces or form alone.

    An uncased model reads such texts alike, or nearly so.
    """
    if text.isascii():
        folded = text.lower()
    else:
        decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
        folded = "".join(c for c in decomposed if not unicodedata.combining(c))
    return hashlib.blake2b("".join(folded.split()).encode(), digest_size=8).digest()


def copy_keys(texts: Iterable[str]) -> npt.NDArray[np.uint64]:
    """Return `copy_key` of each cleaned text as a number, uint64[texts]."""
    return np.fromiter((int.from_bytes(copy_key(text), "big") for text in texts), np.uint64)


def unpack_hashes(hashes: bytes | bytearray) -> npt.NDArray[np.uint64]:
    """Return hashes that stand one after another as numbers that sort alike, uint64[reviews, 2]."""
    return np.frombuffer(hashes, ">u8").reshape(-1, 2).astype(np.uint64)


def fingerprint(
    hashes: npt.NDArray[np.uint64], labels: npt.NDArray[np.integer[Any]], names: Sequence[str]
) -> str:
    """Return the SHA-256 over the sorted (label, text) pairs, the same in any order of reviews.

    Args:
        hashes: uint64[reviews, 2], of the cleaned texts.
        labels: int[reviews], positions in `names`.
        names: of the labels.
    """
    digest = hashlib.sha256()
    for name in sorted(names):
        mine = hashes[labels == names.index(name)]
        mine = mine[np.lexsort((mine[:, 1], mine[:, 0]))]
        digest.update(f"{name}\0{len(mine)}\0".encode() + mine.astype(">u8").tobytes())
    return digest.hexdigest()
