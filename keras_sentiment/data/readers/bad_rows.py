"""Rows that can't be used: all of them are told of, or they are left out and listed."""

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

MAX_REPORTED = 20  # of rows that are left out; more are only counted
KIND_WORDS = 6  # of a reason that tell what kind it is
MAX_KINDS, MAX_PLACES = 5, 4  # in one message, and of each kind
MAX_ROWS = 10_000  # that are looked for where one is enough to refuse all


@dataclass
class _Kind:
    """Rows with which the same is wrong: the first one's message, and where the next ones stand."""

    first: str
    others: list[str] = field(default_factory=list)
    count: int = 0

    def __str__(self) -> str:
        if not self.others:
            return self.first
        more = self.count - 1 - len(self.others)
        return f"{self.first} (also {', '.join(self.others)}{f' and {more:,} more' if more else ''})"


class BadRows:
    """Rows that can't be used.

    Args:
        on_error: `"fail"` raises an error that tells of all kinds of them, `"skip"` leaves them out.
        quiet: whether to say nothing of those that are left out.
    """

    def __init__(self, on_error: str = "fail", quiet: bool = False) -> None:
        require(on_error in ("fail", "skip"), "on_error", on_error, "fail or skip")
        self.skip, self.quiet, self.count = on_error == "skip", quiet, 0
        self._kinds: dict[str, _Kind] = {}
        self._writer: Any = None

    def write_to(self, path: Path, files: ExitStack) -> None:
        """Lists the rows that are left out in a CSV file."""
        file = files.enter_context(path.open("w", encoding="utf-8", errors="backslashreplace", newline=""))
        self._writer = csv.writer(file)
        self._writer.writerow(("row", "reason"))

    def add(self, error: InputError) -> None:
        """Counts a row, and keeps what is wrong with it.

        Raises:
            SwallowedRows: it is no single row that could be left out.
            InputError: so many rows can't be used that no more are looked for.
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
            more = "more, which are only counted" if self._writer is None else "more, which are listed"
            line = str(error) if self.count <= MAX_REPORTED else more
            tell(f"Left out: {line}")

    def require_enough(self, kept: int) -> None:
        """Refuses bad rows, unless they are left out and enough others are there.

        Args:
            kept: how many rows can be used.

        Raises:
            InputError: one row can't be used; or, where they are left out, more can't than can.
        """
        examples = "; ".join(map(str, self._kinds.values()))
        if rest := self.count - sum(kind.count for kind in self._kinds.values()):
            examples += f"; and {rest:,} of other kinds"
        if self.skip and self.count > kept:
            raise InputError(f"only {kept:,} of {kept + self.count:,} rows can be used: {examples}")
        if self.count == 1 and not self.skip:
            raise InputError(f"{examples}; or leave it out with --on-error skip")
        if self.count and not self.skip:
            more = " and maybe more" if self.count == MAX_ROWS else ""
            raise InputError(
                f"{self.count:,} rows{more} can't be used: {examples}; or leave them out with --on-error skip"
            )
