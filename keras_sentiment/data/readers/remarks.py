"""Remarks on standard error about how files are read."""

from __future__ import annotations

from keras_sentiment.messages import tell


class Remarks:
    """Prints remarks on standard error; a remark that holds for several files is printed once.

    Args:
        quiet: whether to print nothing.
        but: a remark, without its file name, that is not printed.
    """

    def __init__(self, quiet: bool, but: str | None = None) -> None:
        self.quiet = quiet
        self._said = {but}

    def __call__(self, remark: str | None) -> None:
        if remark is None:
            return
        fact = remark.partition(": ")[2]
        if not self.quiet and fact not in self._said:
            tell(remark)
        self._said.add(fact)
