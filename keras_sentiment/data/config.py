"""How a source is read and cut into splits; standard library only, as a command's `--help` wants it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from keras_sentiment.config import DEFAULT_SEED
from keras_sentiment.errors import require, require_choice

LEARNED_VOCABULARY = 8192  # tokens of a vocabulary that is learned from a corpus


@dataclass(frozen=True)
class PrepareConfig:
    """How a source is read and cut into splits.

    Args:
        text_column: column of a table that holds the review.
        label_column: column of a table that holds its label.
        group_column: column of a table whose equal values must not straddle two splits, or None.
        seed: of the random splits.
        held_out: float in (0, 0.4], share of the reviews in validation, and in test where the source
            has no test part of its own.
        unknown_warning: float in [0, 1], share of tokens outside the vocabulary that is worth a warning.
        quoting: of a .csv or .tsv: `"minimal"`, quotes stand around cells, or `"none"`, they are text.
        fold_case: whether labels that differ in case or in Unicode form alone are one.
        copies_warning: float in [0, 1], share of train that is dropped as copies that is worth a warning.
        pieces_warning: float >= 1, tokens a word that are worth one: English reviews have 1.3, and a
            language that the vocabulary can only spell, letter by letter, 5.

    Raises:
        InputError: a value is not valid.

    Example:
        >>> config = PrepareConfig(text_column="review", label_column="stars", held_out=0.2)
    """

    text_column: str = "text"
    label_column: str = "label"
    group_column: str | None = None
    seed: int = DEFAULT_SEED
    held_out: float = 0.1
    unknown_warning: float = 0.2
    pieces_warning: float = 3.0
    quoting: Literal["minimal", "none"] = "minimal"
    fold_case: bool = False
    copies_warning: float = 0.05

    def __post_init__(self) -> None:
        require(0 < self.held_out <= 0.4, "held_out", self.held_out, "a number in (0, 0.4]")
        require_choice(self, "quoting", "minimal", "none")
        require(self.seed >= 0, "seed", self.seed, "at least 0")
