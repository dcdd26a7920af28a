"""What a model says of texts that come row by row: a chunk at a time, so that memory stays the same."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from keras_sentiment.data.chunks import in_chunks
from keras_sentiment.errors import InputError
from keras_sentiment.inference.classifier import Classifier
from keras_sentiment.progress import Progress

# The `row` of a text, the columns of the input that stay, and what `Classifier.predict` says.
Result = dict[str, Any]
# The names of what the model says, which a column of the input can't have.
RESULTS = ("label", "probability", "probabilities", "truncated")


class KeptColumns:
    """Which columns of the input stand beside what the model says of a row, and under what names.

    Args:
        wanted: their names; by default all that a row has.
        taken: names that are ours: a column of such a name becomes `input_…`.
    """

    def __init__(self, wanted: Sequence[str] | None, taken: Iterable[str] = ("row", *RESULTS)) -> None:
        self._wanted, self._taken = wanted, tuple(taken)
        self._renamed: dict[tuple[str, ...], dict[str, str]] = {}
        self._seen: set[str] = set()

    def names(self, present: Sequence[str]) -> dict[str, str]:
        """Return the new name of each column that stays.

        Raises:
            InputError: there are columns of both names.
        """
        key = tuple(present)
        if key not in self._renamed:
            kept = [name for name in present if self._wanted is None or name in self._wanted]
            new = {name: f"input_{name}" if name in self._taken else name for name in kept}
            for name, other in new.items():
                if name != other and (other in kept or other in self._taken):
                    raise InputError(f"the input has columns {name!r} and {other!r}; rename one of them")
            self._renamed[key] = new
            self._seen.update(kept)
        return self._renamed[key]

    def missing(self) -> list[str]:
        """Return the columns that are wanted and that no row had, if there were rows."""
        return [name for name in self._wanted or () if name not in self._seen] if self._renamed else []

    def __call__(self, row: dict[str, Any]) -> Result:
        """Return what stays of a row, under its new names."""
        return {new: row[name] for name, new in self.names(tuple(row)).items()}


def predict_rows(
    classifier: Classifier,
    rows: Iterable[tuple[int, dict[str, Any] | InputError]],
    text_column: str = "text",
    kept: Callable[[dict[str, Any]], Result] = lambda row: {},
    skip: Callable[[InputError], None] | None = None,
    quiet: bool = True,
) -> Iterator[list[Result]]:
    """Labels texts in their order, in chunks.

    Args:
        rows: the number of each row, and the row or what is wrong with it.
        text_column: of the texts.
        kept: returns what of a row stands in its result.
        skip: is told of each row that is left out; without it the first one is raised.
        quiet: no progress on standard error.

    Returns:
        The results of a chunk, each with its `row`.
    """
    waiting: deque[Result] = deque()

    def texts() -> Iterator[str]:
        for number, row in rows:
            if not isinstance(row, InputError):
                waiting.append({"row": number, **kept(row)})
                yield row[text_column]
            elif skip is None:
                raise row
            else:
                skip(row)

    with Progress("Predicting", quiet=quiet) as progress:
        for chunk in in_chunks(texts()):
            yield [waiting.popleft() | result for result in classifier.predict(chunk)]
            progress.update(len(chunk))
