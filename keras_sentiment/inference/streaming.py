"""Results for texts that come row by row. They are scored in chunks, so that memory use stays constant."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from keras_sentiment.data.chunks import in_chunks
from keras_sentiment.errors import InputError
from keras_sentiment.inference.classifier import Classifier
from keras_sentiment.progress import Progress

# The `row` of a text, the kept columns of the input, and the result of `Classifier.predict`.
Result = dict[str, Any]
# The keys of a result. A column of the input with such a name is renamed.
RESULTS = ("label", "probability", "probabilities", "truncated")


class KeptColumns:
    """The columns of the input that are kept in the results, and their new names.

    Args:
        wanted: names of the columns; None: all columns of a row.
        taken: names of the results; a column of the input with such a name is renamed to `input_…`.
    """

    def __init__(self, wanted: Sequence[str] | None, taken: Iterable[str] = ("row", *RESULTS)) -> None:
        self._wanted, self._taken = wanted, tuple(taken)
        self._renamed: dict[tuple[str, ...], dict[str, str]] = {}
        self._seen: set[str] = set()

    def names(self, present: Sequence[str]) -> dict[str, str]:
        """Return the new name of each kept column.

        Raises:
            InputError: the input already has a column with the new name.
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
        """Return the wanted columns that no row had; an empty list if there were no rows."""
        return [name for name in self._wanted or () if name not in self._seen] if self._renamed else []

    def __call__(self, row: dict[str, Any]) -> Result:
        """Return the kept values of a row, by their new names."""
        return {new: row[name] for name, new in self.names(tuple(row)).items()}


def predict_rows(
    classifier: Classifier,
    rows: Iterable[tuple[int, dict[str, Any] | InputError]],
    text_column: str = "text",
    kept: Callable[[dict[str, Any]], Result] = lambda row: {},
    skip: Callable[[InputError], None] | None = None,
    quiet: bool = True,
) -> Iterator[list[Result]]:
    """Yields the results of texts in chunks, in order.

    Args:
        rows: the number of each row, and the row or the error in it.
        text_column: the column of the texts.
        kept: returns the values of a row that are kept in its result.
        skip: is called with the error of each row that is left out; None: the first error is raised.
        quiet: bool, whether no progress is printed on standard error.

    Returns:
        The results of each chunk, each with its `row`.
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
