"""What a model says of texts that come row by row: a chunk at a time, so that memory stays the same."""

from __future__ import annotations

import csv
import json
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, Any

from tqdm import tqdm

from keras_sentiment.data.chunks import in_chunks
from keras_sentiment.errors import InputError
from keras_sentiment.inference.classifier import Classifier

# Rows that are skipped after these are only counted.
MAX_REPORTED = 20
# What `Classifier.predict` says of a text, and for a text of a file the `row` that it stands in.
Result = dict[str, Any]

_to_json = json.JSONEncoder(ensure_ascii=False).encode


class Skipped:
    """Tells of the rows that are left out on standard error, one by one as long as they are few."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, error: InputError) -> None:
        """Counts a row, and says what is wrong with it."""
        self.count += 1
        if self.count <= MAX_REPORTED:
            tqdm.write(f"Skipped: {error}", file=sys.stderr)
        elif self.count == MAX_REPORTED + 1:
            tqdm.write("Skipped: more, which are only counted", file=sys.stderr)


def predict_rows(
    classifier: Classifier,
    rows: Iterable[tuple[int, str | InputError]],
    skip: Callable[[InputError], None] | None = None,
    quiet: bool = True,
) -> Iterator[list[Result]]:
    """Labels texts in their order, in chunks.

    Args:
        rows: the number of each row, and its text or what is wrong with it.
        skip: is told of each row that is left out; without it the first one is raised.
        quiet: no progress on standard error.

    Returns:
        The results of a chunk, each with its `row`.
    """
    numbers: deque[int] = deque()

    def texts() -> Iterator[str]:
        for number, text in rows:
            if not isinstance(text, InputError):
                numbers.append(number)
                yield text
            elif skip is None:
                raise text
            else:
                skip(text)

    with tqdm(desc="predicting", unit=" texts", disable=quiet or None) as bar:
        for chunk in in_chunks(texts()):
            yield [{"row": numbers.popleft(), **result} for result in classifier.predict(chunk)]
            bar.update(len(chunk))


def _write_json_lines(chunks: Iterable[list[Result]], labels: Sequence[str], file: IO[str]) -> None:
    for results in chunks:
        file.writelines([_to_json(result) + "\n" for result in results])
        file.flush()


def _write_csv(chunks: Iterable[list[Result]], labels: Sequence[str], file: IO[str]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(
        ["row", "label", "probability", "truncated", *(f"probability_{label}" for label in labels)]
    )
    for results in chunks:
        writer.writerows(
            [
                r["row"],
                r["label"],
                r["probability"],
                str(r["truncated"]).lower(),
                *r["probabilities"].values(),
            ]
            for r in results
        )
        file.flush()


# From the results in chunks and the names of the labels to a file, which has each chunk when it is done.
WRITERS: dict[str, Callable[[Iterable[list[Result]], Sequence[str], IO[str]], None]] = {
    ".jsonl": _write_json_lines,
    ".csv": _write_csv,
}
