"""Dynamic batching: texts of all requests wait together, and one thread scores them in batches."""

from __future__ import annotations

import asyncio
import bisect
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from keras_sentiment.config import SCORING_BATCH_TOKENS
from keras_sentiment.data.padding import Ids, bucket_lengths, padded_rows, row_lengths
from keras_sentiment.inference.classifier import Classifier
from keras_sentiment.serving.long_texts import encode_ends

# Most padding of a batch, as a share of its tokens. On a CPU a smaller batch is faster than more padding.
MAX_PADDING = 0.1
# Most characters that are tokenized between two batches. One request may have more.
TOKENIZED_CHARACTERS = 200_000


class FullError(Exception):
    """Too many texts are waiting."""


@dataclass(eq=False)
class _Job:
    """The texts of one call of `predict`."""

    texts: Sequence[str]
    answer: asyncio.Future[None]
    missing: int
    logits: np.ndarray
    tokens: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))


class _Waiting(NamedTuple):
    """A tokenized text that waits. Waiting texts are kept sorted by length."""

    length: int
    number: int
    ids: Ids
    job: _Job
    place: int


class DynamicBatcher:
    """Labels texts for many callers at the same time, as `Classifier.predict` does.

    One thread alternately tokenizes new texts and scores a batch, since both use all cores. A batch has the
    text that has waited longest, so that every text is scored in the end, and the texts that are nearest to
    it in length.

    Args:
        classifier: of an artifact.
        max_waiting: int, most texts that wait.
        observe: is called with the number of texts of each batch, in the thread.
    """

    def __init__(
        self, classifier: Classifier, max_waiting: int, observe: Callable[[int], None] = lambda texts: None
    ) -> None:
        self.classifier, self.max_waiting, self._observe = classifier, max_waiting, observe
        self._buckets = bucket_lengths(classifier.inputs, few=False)
        self._changed = threading.Condition()
        # New requests, whose `_unread` texts are not tokenized yet, and tokenized texts, sorted by length.
        self._new: list[_Job] = []
        self._unread = 0
        self._waiting: list[_Waiting] = []
        self._numbered = 0
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="scoring", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """The number of texts that wait, without the batch that is being scored."""
        return self._unread + len(self._waiting)

    async def predict(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Returns the result of each text, in order. If the call is cancelled, its texts are dropped.

        Raises:
            FullError: more texts would wait than `max_waiting`.
        """
        if not texts:
            return []
        classifier, count = self.classifier, len(texts)
        logits = np.empty((count, len(classifier.labels)), "float32")
        job = _Job(texts, asyncio.get_running_loop().create_future(), count, logits)
        with self._changed:
            if self.waiting + count > self.max_waiting:
                raise FullError
            self._new.append(job)
            self._unread += count
            self._changed.notify()
        try:
            await job.answer
        finally:
            if job.missing:
                self._leave(job)
        truncated = job.tokens + 2 > classifier.inputs.sequence_length
        results = classifier.decision.results(logits)
        return [{**result, "truncated": bool(was)} for result, was in zip(results, truncated, strict=True)]

    def close(self) -> None:
        """Stops the thread after the batch that is being scored."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _leave(self, job: _Job) -> None:
        with self._changed:
            if job in self._new:
                self._new.remove(job)
                self._unread -= len(job.texts)
            self._waiting = [text for text in self._waiting if text.job is not job]

    def _work(self) -> None:
        while not self._closed:
            jobs = self._come()
            try:
                self._tokenize(jobs)
            except Exception as error:  # an error of one request must not end the thread
                _tell(jobs, _fail, jobs, error)
            if batch := self._take():
                jobs = [text.job for text in batch]
                try:
                    _tell(jobs, _deliver, batch, self._score(batch))
                except Exception as error:  # errors of the runtime go to the callers
                    _tell(jobs, _fail, jobs, error)

    def _come(self) -> list[_Job]:
        """Waits for texts, and returns the requests to tokenize now."""
        with self._changed:
            self._changed.wait_for(lambda: self._new or self._waiting or self._closed)
            characters = taken = 0
            while taken < len(self._new) and characters < TOKENIZED_CHARACTERS:
                characters += sum(map(len, self._new[taken].texts))
                taken += 1
            jobs, self._new = self._new[:taken], self._new[taken:]
            return jobs

    def _tokenize(self, jobs: list[_Job]) -> None:
        texts = [text for job in jobs for text in job.texts]
        try:
            encoded = encode_ends(texts, self.classifier.tokenizer, self.classifier.inputs)
        finally:
            with self._changed:
                self._unread -= len(texts)
        tokens = np.array([len(ids) for ids in encoded], np.int64)
        lengths = row_lengths(tokens, self.classifier.inputs)
        buckets = np.searchsorted(self._buckets, lengths)
        first = 0
        for job in jobs:
            end = first + len(job.texts)
            job.tokens = tokens[first:end]
            with self._changed:
                if not job.answer.done():  # otherwise it was cancelled
                    for place in range(end - first):
                        self._numbered += 1
                        ids, length = encoded[first + place], self._buckets[buckets[first + place]]
                        text = _Waiting(length, self._numbered, ids, job, place)
                        bisect.insort(self._waiting, text, key=_order)
            first = end

    def _take(self) -> list[_Waiting]:
        """Returns the next batch; it is empty if no text waits."""
        with self._changed:
            if not self._waiting:
                return []
            oldest = min(range(len(self._waiting)), key=lambda index: self._waiting[index].number)
            chosen = nearest_in_length([text.length for text in self._waiting], oldest)
            batch = self._waiting[chosen]
            del self._waiting[chosen]
            return batch

    def _score(self, batch: list[_Waiting]) -> np.ndarray:
        self._observe(len(batch))
        ids, length = [text.ids for text in batch], batch[-1].length
        rows = padded_rows(ids, length, self.classifier.tokenizer, self.classifier.inputs)
        return self.classifier.engine(rows)


def nearest_in_length(lengths: Sequence[int], oldest: int) -> slice:
    """Returns which texts to score with the oldest one: its neighbours in length, which add least padding.

    Args:
        lengths: ascending; the padded length of a batch in which this text is the longest.
        oldest: the position of the text that has waited longest.
    """
    first, end, tokens = oldest, oldest + 1, lengths[oldest]
    while True:
        choices = []
        for start, stop, added in ((first - 1, end, first - 1), (first, end + 1, end)):
            if start >= 0 and stop <= len(lengths):
                size = (stop - start) * lengths[stop - 1]
                choices.append((size - tokens - lengths[added], size, start, stop))
        if not choices:
            break
        padding, size, start, stop = min(choices)
        if size > SCORING_BATCH_TOKENS or padding > MAX_PADDING * size:
            break
        first, end, tokens = start, stop, size - padding
    return slice(first, end)


def _order(text: _Waiting) -> tuple[int, int]:
    return text.length, text.number


def _tell(jobs: list[_Job], what: Callable[..., None], *args: Any) -> None:
    """Calls a function in the event loop of the callers."""
    jobs[0].answer.get_loop().call_soon_threadsafe(what, *args)


def _deliver(batch: list[_Waiting], logits: np.ndarray) -> None:
    for row, text in enumerate(batch):
        job = text.job
        job.logits[text.place] = logits[row]
        job.missing -= 1
        if not (job.missing or job.answer.done()):
            job.answer.set_result(None)


def _fail(jobs: list[_Job], error: Exception) -> None:
    for job in jobs:
        if not job.answer.done():  # otherwise it was cancelled, or another of its texts failed
            job.answer.set_exception(error)
