"""What a reader tells of how it reads, on standard error."""

from __future__ import annotations

import sys

from keras_sentiment.errors import InputError


class Remarks:
    """Says on standard error how files are read, what is the same for several of them once."""

    def __init__(self, quiet: bool, but: str | None = None) -> None:
        self.quiet = quiet
        self._said = {but}

    def __call__(self, remark: str | None) -> None:
        if remark is None:
            return
        fact = remark.partition(": ")[2]
        if not self.quiet and fact not in self._said:
            # The name of a file may hold what a terminal would obey.
            print(InputError(remark), file=sys.stderr)
        self._said.add(fact)
