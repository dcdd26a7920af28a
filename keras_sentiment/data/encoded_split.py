"""Encoded reviews: the token ids, labels and texts of a split, on disk or in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from keras_sentiment.data.chunks import in_chunks
from keras_sentiment.data.fingerprint import fingerprint, hash_text, unpack_hashes
from keras_sentiment.data.groups import UNKNOWN, number_groups, where_all_known
from keras_sentiment.data.reviews import Review, match_label
from keras_sentiment.data.splitting import SPLITS
from keras_sentiment.errors import InputError
from keras_sentiment.quantities import plural
from keras_sentiment.text.cleaning import clean
from keras_sentiment.text.tokenizer import Tokenizer


class Record(NamedTuple):
    """A cleaned review: a row of `texts.jsonl`."""

    text: str
    label: str
    source: str


def ids_dtype(vocabulary_size: int) -> type[np.uint16 | np.int32]:
    """Return uint16 if it can represent all token ids of a vocabulary, else int32."""
    return np.uint16 if vocabulary_size <= 2**16 else np.int32


@dataclass(frozen=True, repr=False)
class Split:
    """Encoded reviews, on disk (a split of a corpus) or in memory.

    Args:
        ids: uint16 or int32[tokens], the token ids of all reviews, concatenated.
        offsets: int64[reviews + 1]; review i has the tokens `ids[offsets[i]:offsets[i + 1]]`.
        labels: int32[reviews], index of the label; -1 for an unlabelled text.
        records: returns an iterator over the cleaned texts in order; it can be pickled for worker processes.
        soft_labels: float32[reviews, num_classes], probabilities that are learned instead of labels, or None.
        groups: int64[reviews], number of each review's group (the same author, product or film), or None if
            it is not known for all.

    Example:
        >>> len(corpus.splits["test"]) == len(corpus.splits["test"].labels)
        True
    """

    ids: npt.NDArray[Any]
    offsets: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int32]
    records: Callable[[], Iterator[Record]]
    soft_labels: npt.NDArray[np.float32] | None = None
    groups: npt.NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"<Split of {len(self):,} reviews, {len(self.ids):,} tokens>"

    @cached_property
    def lengths(self) -> npt.NDArray[np.int64]:
        """int64[reviews], number of tokens of each review without special tokens."""
        return np.diff(self.offsets)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the sorted (text, label) pairs."""
        hashes = bytearray()
        names: dict[str, int] = {}
        labels = []
        for record in self.records():
            hashes += hash_text(record.text)
            labels.append(names.setdefault(record.label, len(names)))
        return fingerprint(unpack_hashes(hashes), np.array(labels, np.int32), list(names))

    def __getitem__(self, index: int) -> npt.NDArray[Any]:
        """Return the ids of a review, int[tokens], not truncated and without special tokens."""
        return self.ids[self.offsets[index] : self.offsets[index + 1]]

    def targets(self, num_classes: int) -> npt.NDArray[np.float32]:
        """Return the soft labels or the one-hot labels, float32[reviews, num_classes]."""
        if self.soft_labels is not None:
            return self.soft_labels
        return np.eye(num_classes, dtype=np.float32)[np.asarray(self.labels)]

    def texts(self) -> Iterator[str]:
        """Yield the cleaned texts, in order."""
        return (record.text for record in self.records())

    def encoded_by(self, tokenizer: Tokenizer) -> Split:
        """Return the same reviews with the ids of another tokenizer, in memory.

        The texts are not cleaned again, because cleaning is not idempotent: `&amp;lt;` becomes `&lt;`, and
        `&lt;` becomes `<`.
        """
        ids, offsets = _encode(self.texts(), tokenizer)
        return replace(self, ids=ids, offsets=offsets)

    def has_ids_of(self, tokenizer: Tokenizer) -> bool:
        """Return whether a tokenizer gives these ids for the texts; an untrusted corpus may have others."""
        encoded = enumerate(_encoded(self.texts(), tokenizer))
        return all(np.array_equal(ids, self[place]) for place, ids in encoded)

    def take(self, indices: Sequence[int] | npt.NDArray[np.integer[Any]]) -> Split:
        """Return the reviews at some indices, in memory.

        Args:
            indices: int[chosen], in ascending order, because the texts are read in order.

        Raises:
            ValueError: the indices are not in ascending order or out of range.
        """
        chosen = np.asarray(indices, np.int64)
        if len(chosen) and (chosen[0] < 0 or chosen[-1] >= len(self) or np.any(np.diff(chosen) <= 0)):
            raise ValueError(f"indices must be increasing, from 0 to {len(self) - 1}. Received: {indices!r}")
        parts = [self[index] for index in chosen]
        return Split(
            np.concatenate(parts) if parts else self.ids[:0],
            np.concatenate([[0], np.cumsum(self.lengths[chosen])]).astype(np.int64),
            np.asarray(self.labels)[chosen],
            partial(_chosen_records, self.records, set(chosen.tolist())),
            groups=None if self.groups is None else np.asarray(self.groups)[chosen],
        )

    def subsample(self, size: int, seed: int) -> Split:
        """Return a stratified sample of `size` reviews, or the split itself if it has no more than that.

        Args:
            size: int, number of reviews.
            seed: int, seed of the sample.

        Raises:
            InputError: `size` is smaller than the number of labels.
        """
        if size >= len(self):
            return self
        labels = np.asarray(self.labels)
        names = np.unique(labels)
        if size < len(names):
            raise InputError(
                f"a sample of {plural(size, 'review')} can't have all {len(names)} labels; raise the limit"
            )
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(labels))
        # The rank of each review within its label, divided by the reviews of the label: the lowest values are
        # a stratified sample. The first review of each label gets -1, so that no label is missing.
        share = np.empty(len(labels))
        for name in names:
            members = order[labels[order] == name]
            share[members] = (np.arange(len(members)) + 0.5) / len(members)
            share[members[0]] = -1
        return self.take(np.sort(np.lexsort((order, share))[:size]))

    @classmethod
    def from_texts(
        cls,
        texts: Iterable[str],
        tokenizer: Tokenizer,
        labels: Sequence[str] = (),
        names: Iterable[str] = (),
        sources: Iterable[str] = (),
        groups: npt.NDArray[np.int64] | None = None,
    ) -> Split:
        """Clean and encode texts in memory.

        Args:
            texts: texts that are not cleaned yet; use `encoded_by` for the texts of a split.
            tokenizer: the tokenizer of the model.
            labels: all labels; empty for unlabelled texts.
            names: the label of each text, one of `labels`; empty for unlabelled texts.
            sources: the name of each text in a report; by default its number, counted from 1.
            groups: int64[texts], number of each text's group, or None.
        """
        cleaned = [clean(text) for text in texts]
        ids, offsets = _encode(cleaned, tokenizer)
        found = list(names) or [""] * len(cleaned)
        found_sources = list(sources) or [str(index + 1) for index in range(len(cleaned))]
        records = [Record(*row) for row in zip(cleaned, found, found_sources, strict=True)]
        return cls(
            ids,
            offsets,
            np.array([labels.index(name) if labels else -1 for name in found], np.int32),
            partial(iter, records),
            groups=groups,
        )

    @classmethod
    def from_reviews(
        cls,
        reviews: Iterable[Review],
        tokenizer: Tokenizer,
        labels: Sequence[str],
        bad: Callable[[InputError], None] | None = None,
    ) -> Split:
        """Clean and encode the reviews of a source in memory, for a model with these labels.

        Args:
            reviews: the reviews.
            tokenizer: the tokenizer of the model.
            labels: the labels of the model.
            bad: receives the error of each review that can't be used and is left out; by default it is
                raised.

        Raises:
            InputError: a review has a label that the model does not have, or no text.
        """
        kept, names = [], []
        for review in reviews:
            try:
                name = labels[match_label(review.label, labels)]
                if not clean(review.text):
                    raise InputError("the review has no text after cleaning; remove it")
            except InputError as error:
                wrong = InputError(f"{review.source}: {error}")
                if bad is None:
                    raise wrong from None
                bad(wrong)
                continue
            names.append(name)
            kept.append(review)
        texts, sources = [review.text for review in kept], [review.source for review in kept]
        split = cls.from_texts(texts, tokenizer, labels, names, sources)
        split = replace(split, groups=_groups_of(kept, split.labels))
        for index in np.flatnonzero(split.lengths == 0):
            raise InputError(f"{sources[index]}: the review has no text after cleaning; remove it")
        return split


def concatenate(*splits: Split) -> Split:
    """Return several splits of a corpus as one split in memory; it takes two or four bytes a token."""
    lengths = np.concatenate([split.lengths for split in splits])
    groups = [split.groups for split in splits if split.groups is not None]
    return Split(
        np.concatenate([split.ids for split in splits]),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        np.concatenate([split.labels for split in splits]),
        lambda: chain.from_iterable(split.records() for split in splits),
        groups=None if len(groups) < len(splits) else np.concatenate(groups),
    )


def _encoded(texts: Iterable[str], tokenizer: Tokenizer) -> Iterator[npt.NDArray[np.int32]]:
    """Yield the ids of each cleaned text."""
    for chunk in in_chunks(texts):
        yield from tokenizer.encode(chunk)


def _encode(texts: Iterable[str], tokenizer: Tokenizer) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Return the ids and the offsets of cleaned texts."""
    parts = list(_encoded(texts, tokenizer))
    lengths = np.fromiter((len(ids) for ids in parts), np.int64, len(parts))
    dtype = ids_dtype(tokenizer.vocabulary_size)
    return (
        np.concatenate(parts).astype(dtype) if parts else np.zeros(0, dtype),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
    )


def _groups_of(reviews: Sequence[Review], labels: npt.NDArray[np.int32]) -> npt.NDArray[np.int64] | None:
    """Return the number of each review's group, int64[reviews], or None if a group is not known."""
    codes = {name: code for code, name in enumerate(dict.fromkeys(review.group for review in reviews))}
    named = [UNKNOWN if review.group is None else codes[review.group] for review in reviews]
    positions = [UNKNOWN if review.position is None else review.position for review in reviews]
    parts = [SPLITS.index(review.split or SPLITS[0]) for review in reviews]
    return where_all_known(
        number_groups(np.array(named, np.int64), np.array(positions, np.int64), labels, np.array(parts))
    )


def _chosen_records(records: Callable[[], Iterator[Record]], chosen: set[int]) -> Iterator[Record]:
    return (record for index, record in enumerate(records()) if index in chosen)
