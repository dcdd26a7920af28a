"""Rows that can't be used: they are reported together, or left out and listed."""

from __future__ import annotations

import csv
import re
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keras_sentiment.data.readers.dialect import SwallowedRows
from keras_sentiment.errors import InputError, require
from keras_sentiment.messages import tell

MAX_REPORTED = 20  # rows that are printed when they are left out
KIND_WORDS = 6  # rows whose reasons begin with the same six words are counted together
MAX_KINDS, MAX_PLACES = 5, 4  # kinds of errors in one message, and further rows of each kind
MAX_ROWS = 10_000  # with on_error="fail", the search stops after this many rows


@dataclass
class _Kind:
    """Rows with the same kind of error: the message of the first one, and the places of the next ones."""

    first: str
    others: list[str] = field(default_factory=list)
    count: int = 0

    def __str__(self) -> str:
        if not self.others:
            return self.first
        more = self.count - 1 - len(self.others)
        return f"{self.first} (also {', '.join(self.others)}{f' and {more:,} more' if more else ''})"


class BadRows:
    """Collects rows that can't be used.

    Args:
        on_error: `"fail"` to raise one error for all of them, `"skip"` to leave them out.
        quiet: whether to print nothing about rows that are left out.

    Example:
        >>> bad_rows = BadRows("skip", quiet=True)
        >>> bad_rows.add(InputError("reviews.csv:3: column 'text' is empty; remove the row"))
        >>> bad_rows.count
        1
    """

    def __init__(self, on_error: str = "fail", quiet: bool = False) -> None:
        require(on_error in ("fail", "skip"), "on_error", on_error, "fail or skip")
        self.skip, self.quiet, self.count = on_error == "skip", quiet, 0
        self._kinds: dict[str, _Kind] = {}
        self._writer: Any = None

    def write_to(self, path: Path, files: ExitStack) -> None:
        """Writes a CSV file with the place of each row that is left out, and the reason."""
        file = files.enter_context(path.open("w", encoding="utf-8", errors="backslashreplace", newline=""))
        self._writer = csv.writer(file)
        self._writer.writerow(("row", "reason"))

    def add(self, error: InputError) -> None:
        """Adds a row that can't be used.

        Args:
            error: the message, which begins with the place of the row.

        Raises:
            SwallowedRows: the error is about several rows, so none can be left out.
            InputError: with `"fail"`, `MAX_ROWS` rows can't be used.
        """
        if isinstance(error, SwallowedRows):
            raise error
        self.count += 1
        place, _, reason = str(error).partition(": ")
        kind = " ".join(re.sub(r"[0-9]+|'.*?'|\(.*?\)", "", reason).split()[:KIND_WORDS])
        if len(self._kinds) < MAX_KINDS or kind in self._kinds:
            known = self._kinds.setdefault(kind, _Kind(str(error)))
            known.count += 1
            if 1 < known.count <= 1 + MAX_PLACES:
                known.others.append(place)
        if not self.skip:
            if self.count == MAX_ROWS:
                self.require_enough(0)
            return
        if self._writer is not None:
            self._writer.writerow((place, reason))
        if not self.quiet and self.count <= MAX_REPORTED + 1:
            rest = "are only counted" if self._writer is None else "are only listed in the file"
            more = f"more than {MAX_REPORTED} rows; the others {rest}"
            tell(f"Left out: {str(error) if self.count <= MAX_REPORTED else more}")

    def require_enough(self, kept: int) -> None:
        """Raises an InputError if too many rows can't be used.

        Args:
            kept: int, number of rows that can be used.

        Raises:
            InputError: with `"fail"`, a row can't be used; with `"skip"`, more than half of the rows can't.
        """
        examples = "; ".join(map(str, self._kinds.values()))
        if rest := self.count - sum(kind.count for kind in self._kinds.values()):
            examples += f"; and {rest:,} rows with other errors"
        if self.skip and self.count > kept:
            raise InputError(f"only {kept:,} of {kept + self.count:,} rows can be used: {examples}")
        if self.count == 1 and not self.skip:
            raise InputError(f"{examples}; or leave it out with --on-error skip")
        if self.count and not self.skip:
            more = " or more" if self.count == MAX_ROWS else ""
            raise InputError(
                f"{self.count:,} rows{more} can't be used: {examples}; or leave them out with --on-error skip"
            )
