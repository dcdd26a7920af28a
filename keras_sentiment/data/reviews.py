"""What a labelled review is, and how labels are named; standard library only."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from keras_sentiment.errors import InputError, require_label

NEGATIVE = frozenset({"neg", "negative", "0"})
POSITIVE = frozenset({"pos", "positive", "1"})
POLARITY = ("negative", "positive")
FEW_LABELS = 20  # so many are labels, however few the reviews
# Words that may mean a missing label, and may be one.
MISSING = frozenset(["na", "n/a", "#n/a", "n.a.", "nan", "<na>", "null", "(null)", "none", "nil"])
MISSING |= {"undefined", "\\n", ".", "-", "?", "#ref!", "#name?", "#value!"}
# Of a model. A column of numbers or of texts that was taken for the labels has more.
MAX_LABELS = 1000
# Bytes, characters in a table. What is longer is no review, and need not fit into memory.
MAX_REVIEW_BYTES = 16 << 20


class Review(NamedTuple):
    """One labelled text, as a reader found it.

    Args:
        text: as it stands in the source, not cleaned.
        label: the source's own name for it: `neg`, `0`, `joy`.
        source: what a message or a report calls it: `neg/0_3.txt`, `reviews.csv:17`.
        split: `"train"`, `"validation"` or `"test"` where the source is itself divided, else None.
        position: place among its neighbours where reviews of one film stand side by side, else None.
        group: name of what must not straddle two splits (an author, a product), else None.
    """

    text: str
    label: str
    source: str
    split: str | None = None
    position: int | None = None
    group: str | None = None


def require_size(size: int, source: str) -> None:
    """Raises an InputError for more bytes than a review has; names `source`."""
    if size > MAX_REVIEW_BYTES:
        raise InputError(
            f"{source}: {size:,} bytes, and a review has {MAX_REVIEW_BYTES:,} at most; remove it"
        )


def fold(label: str) -> str:
    """Return what labels have in common that differ in case or in Unicode form alone."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", label).casefold())


def doubtful_labels(counts: dict[str, int]) -> list[str]:
    """Return a warning for labels that may not be what they seem.

    Args:
        counts: how many reviews each label of the source has, by its own name.

    Raises:
        InputError: there are nearly as many labels as reviews.
    """
    reviews = sum(counts.values())
    if len(counts) > FEW_LABELS and 2 * len(counts) > reviews:
        raise InputError(
            f"{len(counts):,} different labels in {reviews:,} reviews, such as {next(iter(counts))!r:.60}; "
            "name another column with --label-column"
        )
    found, alike = [], defaultdict(list)
    for name in counts:
        alike[fold(name)].append(name)
    polarity = _is_polarity(counts)  # which folds case anyway
    for names in alike.values():
        if len(names) > 1 and not polarity:
            listed = ", ".join(f"{name!r} ({counts[name]:,})" for name in sorted(names))
            found.append(f"labels that differ in case or form alone: {listed}; --fold-case makes them one")
    for name in sorted(counts):
        if fold(name) in MISSING:
            found.append(
                f"label {name!r} ({counts[name]:,} reviews) is taken for a name; remove these rows if it "
                "means that there is none"
            )
    return found


def name_labels(found: Iterable[str]) -> dict[str, str]:
    """Return the name that a prepared corpus uses for each label found in a source.

    Two polarities (`neg/negative/0` and `pos/positive/1`, in any case) become `negative` and
    `positive`; any other set of names keeps its own.

    Raises:
        InputError: there are fewer than two labels or far too many, or one is too long or cannot be
            printed.
    """
    names = sorted(set(found))
    if len(names) > MAX_LABELS:
        raise InputError(
            f"{len(names):,} different labels, such as {names[0]!r:.60}, and a model can have {MAX_LABELS:,} "
            "at most; merge or leave out rare ones, or name another column if these are no labels"
        )
    for name in names:
        require_label(name, "the labels")
        if not name.isprintable():
            raise InputError(f"label {name!r} holds characters that cannot be printed; rename it")
    if _is_polarity(names):
        return {name: POLARITY[name.casefold() in POSITIVE] for name in names}
    if len(names) < 2:
        raise InputError(
            f"every review has the label {names[0]!r}; a model needs reviews of at least two labels"
            if names
            else "no reviews found"
        )
    return {name: name for name in names}


def _is_polarity(names: Iterable[str]) -> bool:
    """Return whether labels are two polarities, under whatever names."""
    folded = {name.casefold() for name in names}
    return folded <= NEGATIVE | POSITIVE and bool(folded & NEGATIVE) and bool(folded & POSITIVE)


def match_label(name: str, labels: Sequence[str]) -> int:
    """Return the position in `labels` of a source's own name for a label.

    Raises:
        InputError: if none of `labels` goes by that name.
    """
    if name in labels:
        return labels.index(name)
    if tuple(labels) == POLARITY:
        for position, aliases in enumerate((NEGATIVE, POSITIVE)):
            if name.casefold() in aliases:
                return position
    raise InputError(f"label {name!r} is not one of the labels {', '.join(labels)}")
