"""A labelled review, and the naming of labels; standard library only."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from keras_sentiment.errors import InputError, require_label
from keras_sentiment.quantities import plural

NEGATIVE = frozenset({"neg", "negative", "0"})
POSITIVE = frozenset({"pos", "positive", "1"})
POLARITY = ("negative", "positive")
FEW_LABELS = 20  # up to this many labels are accepted for any number of reviews
# Words that may stand for a missing label or text, but may also be a real one.
MISSING = frozenset(["na", "n/a", "#n/a", "n.a.", "nan", "<na>", "null", "(null)", "none", "nil"])
MISSING |= {"undefined", "\\n", ".", "-", "?", "#ref!", "#name?", "#value!"}
# Limit for a model. If there are more, the label column is probably wrong.
MAX_LABELS = 1000
# A longer text is not a review, and may be larger than memory.
MAX_REVIEW_BYTES = 16 << 20


class Review(NamedTuple):
    """One labelled text from a source.

    Args:
        text: the text, not cleaned.
        label: the label in the source: `neg`, `0`, `joy`; empty for an unlabelled text.
        source: file and row for messages and reports: `neg/0_3.txt`, `reviews.csv:17`.
        split: `"train"`, `"validation"` or `"test"` if the source is already split, else None.
        position: position in the sequence of reviews if reviews of the same film are neighbours, else None.
        group: name of the review's group (an author, a product), which is never divided between splits, or
            None.
    """

    text: str
    label: str
    source: str
    split: str | None = None
    position: int | None = None
    group: str | None = None


def require_size(size: int, source: str) -> None:
    """Raises an InputError, which names `source`, if a review has more than `MAX_REVIEW_BYTES`."""
    if size > MAX_REVIEW_BYTES:
        raise InputError(
            f"{source}: the review has {size:,} bytes, and at most {MAX_REVIEW_BYTES:,} are allowed; remove "
            "it"
        )


def fold(label: str) -> str:
    """Return a label in lower case and in Unicode normal form NFKC."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", label).casefold())


def doubtful_labels(counts: dict[str, int]) -> list[str]:
    """Return warnings about labels that look alike or look like a missing value.

    Args:
        counts: number of reviews of each label of the source.

    Raises:
        InputError: there are more than 20 labels, with fewer than two reviews a label on average.
    """
    reviews = sum(counts.values())
    if len(counts) > FEW_LABELS and 2 * len(counts) > reviews:
        raise InputError(
            f"there are {len(counts):,} different labels in {reviews:,} reviews, such as "
            f"{next(iter(counts))!r:.60}; name another column with --label-column"
        )
    found, alike = [], defaultdict(list)
    for name in counts:
        alike[fold(name)].append(name)
    polarity = _is_polarity(counts)  # name_labels merges these anyway
    for names in alike.values():
        if len(names) > 1 and not polarity:
            listed = ", ".join(f"{name!r} ({counts[name]:,})" for name in sorted(names))
            found.append(
                f"labels that differ only in case or Unicode form: {listed}; use --fold-case to merge them"
            )
    for name in sorted(counts):
        if fold(name) in MISSING:
            found.append(
                f"label {name!r} ({plural(counts[name], 'review')}) is used as a label; if it stands for a "
                "missing label, remove these rows"
            )
    return found


def name_labels(found: Iterable[str]) -> dict[str, str]:
    """Return the name in the corpus of each label of a source.

    Two polarities (`neg/negative/0` and `pos/positive/1`, in any case) become `negative` and `positive`;
    other names do not change.

    Raises:
        InputError: there are fewer than two labels or more than `MAX_LABELS`, or a name is too long or can't
            be printed.
    """
    names = sorted(set(found))
    if len(names) > MAX_LABELS:
        raise InputError(
            f"there are {len(names):,} different labels, such as {names[0]!r:.60}, and a model can have at "
            f"most {MAX_LABELS:,}; merge or leave out rare ones, or name another column with --label-column"
        )
    for name in names:
        require_label(name, "the labels")
        if not name.isprintable():
            raise InputError(f"label {name!r} has characters that can't be printed; rename it")
    if _is_polarity(names):
        return {name: POLARITY[name.casefold() in POSITIVE] for name in names}
    if len(names) < 2:
        raise InputError(
            f"every review has the label {names[0]!r}; a model needs reviews of at least two labels"
            if names
            else "there are no reviews; name a source with reviews of at least two labels"
        )
    return {name: name for name in names}


def _is_polarity(names: Iterable[str]) -> bool:
    """Return whether labels are names of the two polarities, and both occur."""
    folded = {name.casefold() for name in names}
    return folded <= NEGATIVE | POSITIVE and bool(folded & NEGATIVE) and bool(folded & POSITIVE)


def match_label(name: str, labels: Sequence[str]) -> int:
    """Return the index in `labels` of a label of a source, which may be another name of a polarity.

    Raises:
        InputError: `labels` does not have it.
    """
    if name in labels:
        return labels.index(name)
    if tuple(labels) == POLARITY:
        for position, aliases in enumerate((NEGATIVE, POSITIVE)):
            if name.casefold() in aliases:
                return position
    raise InputError(f"label {name!r} is not one of the labels {', '.join(labels)}; rename or remove it")
