"""Assignment of reviews to splits; it works on arrays, so that it needs little memory a review."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from keras_sentiment.data.config import PrepareConfig
from keras_sentiment.errors import InputError
from keras_sentiment.quantities import plural

SPLITS = ("train", "validation", "test")
TRAIN, VALIDATION, TEST = range(3)
DROPPED = -1

Ints = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.integer[Any]]


class Assignment(NamedTuple):
    """The split of every review.

    Args:
        splits: int8[reviews], index in `SPLITS`; -1 for a copy that is dropped.
        dropped: for each split, the number of its texts that are dropped because a later split has them.
        contradictions: number of distinct texts with more than one label.
    """

    splits: npt.NDArray[np.int8]
    dropped: dict[str, int]
    contradictions: int


def assign(
    texts: Numbers,
    labels: Numbers,
    names: Sequence[str],
    *,
    config: PrepareConfig,
    given: npt.NDArray[np.int8] | None = None,
    positions: Ints | None = None,
    groups: Ints | None = None,
) -> Assignment:
    """Assign reviews to train, validation and test.

    The split is stratified by label. It works in one of three ways:

    - with `positions`, validation and test are the last blocks of each label, so that neighbouring reviews,
      which are of the same film, stay together;
    - with `groups`, whole groups are sampled;
    - otherwise texts are sampled, each together with its copies.

    A group or text with more reviews than a held-out split should have goes to train. Copies can remain:
    between blocks, groups, or the parts of a source that is already split. So at the end, a text of test is
    dropped from train and validation, and a text of validation is dropped from train.

    Args:
        texts: int[reviews], hash of each cleaned text. Sampling uses the order of the hashes, so that the
            result does not depend on the order of the reviews.
        labels: int[reviews], index of each label in `names`.
        names: names of the labels.
        config: seed and size of the held-out splits.
        given: int8[reviews], index in `SPLITS`, if the source is already split; its validation and test parts
            are kept.
        positions: int64[reviews], position in the sequence of reviews.
        groups: int64[reviews], number of each review's group.

    Raises:
        InputError: a split has no review of a label.
    """
    splits = np.zeros(len(texts), np.int8) if given is None else np.array(given, np.int8)
    kept = [split for split in (VALIDATION, TEST) if (splits == split).any()]
    # The splits to make, in the order of their blocks.
    cut = np.array([TRAIN, *(split for split in (VALIDATION, TEST) if split not in kept)], np.int8)
    pool = np.flatnonzero(splits == TRAIN)
    held_out = [config.held_out] * (len(cut) - 1)
    rng = np.random.default_rng(config.seed)
    if not held_out:
        pass
    elif positions is None or groups is not None:
        drawn = texts if groups is None else groups
        splits[pool] = cut[_by_group(drawn[pool], labels[pool], held_out, rng)]
    else:
        for label in range(len(names)):
            members = pool[labels[pool] == label]
            members = members[np.lexsort((texts[members], positions[members]))]
            splits[members] = cut[_cut(np.ones(len(members), np.int64), held_out)]

    dropped = {}
    for split, later in ((VALIDATION, [TEST]), (TRAIN, [VALIDATION, TEST])):
        # A copy dropped from validation is in test, so the copies in train are found too.
        members = np.flatnonzero(splits == split)
        copies = members[_among(texts[members], texts[np.isin(splits, later)])]
        splits[copies] = DROPPED
        dropped[SPLITS[split]] = len(copies)
    _require_labels(splits, texts, labels, names, kept, groups is not None)
    return Assignment(splits, dropped, _contradictions(texts, labels))


def _among(texts: Numbers, others: Numbers) -> npt.NDArray[np.bool_]:
    """Return which texts are among others, bool[texts]; `numpy.isin` takes three times the memory."""
    if not len(others):
        return np.zeros(len(texts), bool)
    others = np.sort(others)
    found: npt.NDArray[np.bool_] = (
        others[np.minimum(np.searchsorted(others, texts), len(others) - 1)] == texts
    )
    return found


def _contradictions(texts: Numbers, labels: Numbers) -> int:
    """Return the number of distinct texts with more than one label."""
    ordered = np.sort(texts)
    repeated = _among(texts, ordered[1:][ordered[1:] == ordered[:-1]])
    texts, labels = texts[repeated], labels[repeated]
    order = np.lexsort((labels, texts))
    texts, labels = texts[order], labels[order]
    other = (texts[1:] == texts[:-1]) & (labels[1:] != labels[:-1])
    return len(np.unique(texts[1:][other]))


def _cut(weights: Ints, held_out: list[float]) -> npt.NDArray[np.int8]:
    """Divide a sequence of items into consecutive blocks, train first, none empty if there are enough items.

    Args:
        weights: int64[items], number of reviews of each item.
        held_out: shares of the blocks after train.

    Returns:
        The number of each item's block, int8[items].
    """
    ends = np.cumsum(weights)
    middles = ends - weights / 2
    total = int(ends[-1]) if len(ends) else 0
    result = np.zeros(len(weights), np.int8)
    border = len(weights)
    for block in range(len(held_out), 0, -1):
        # Rounded, because 1 - 0.1 - 0.1 is a little more than 0.8.
        share = round(total * (1 - sum(held_out[block - 1 :])), 6)
        border = max(min(int(np.searchsorted(middles, share)), border - 1), 0)
        result[border:][result[border:] == 0] = block
    return result


def _by_group(
    groups: Numbers, labels: Numbers, held_out: list[float], rng: np.random.Generator
) -> npt.NDArray[np.int8]:
    """Sample whole groups, stratified by the most frequent label of each group; returns int8[reviews]."""
    _, index, weights = np.unique(groups, return_inverse=True, return_counts=True)
    label_of = _most_frequent(index, labels)
    of_group = np.zeros(len(weights), np.int8)
    for label in np.unique(label_of):
        members = rng.permutation(np.flatnonzero(label_of == label))
        sizes = weights[members]
        # Groups that are larger than a held-out split come first, because the first block is train.
        large = sizes > min(held_out) * sizes.sum()
        members = members[np.lexsort((np.where(large, -sizes, 0), ~large))]
        of_group[members] = _cut(weights[members], held_out)
    return of_group[index]


def _most_frequent(groups: Numbers, labels: Numbers) -> Ints:
    """Return the most frequent label of each group, int64[groups]; the first of several."""
    count = int(labels.max(initial=0)) + 1
    pairs, counts = np.unique(groups * count + labels, return_counts=True)
    group, label = pairs // count, pairs % count
    order = np.lexsort((-label, counts, group))
    last = np.flatnonzero(np.diff(group[order], append=-1))
    return label[order][last].astype(np.int64)


def _require_labels(
    splits: npt.NDArray[np.int8],
    texts: Numbers,
    labels: Numbers,
    names: Sequence[str],
    kept: list[int],
    has_groups: bool,
) -> None:
    """Raises an InputError if a split has no review of a label."""
    for split, split_name in enumerate(SPLITS):
        present = np.bincount(labels[splits == split], minlength=len(names))
        for name, count in zip(names, present, strict=True):
            if count:
                continue
            if split in kept:
                raise InputError(
                    f"the {split_name} part of the source has no review of label {name!r}; add some"
                )
            least = 3 - len(kept)
            where = f", in {least} groups or more" if has_groups else ""
            members = labels == names.index(name)
            different = len(np.unique(texts[members]))
            raise InputError(
                f"label {name!r} has no review for the {split_name} split (it has "
                f"{plural(int(members.sum()), 'review')} with {different:,} different "
                f"text{'s' if different != 1 else ''}); "
                f"add reviews until it has at least {least} different texts{where}"
            )
