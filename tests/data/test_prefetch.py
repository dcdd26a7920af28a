"""Prefetching in threads and processes: results in order, and bounded memory."""

import multiprocessing
import os
import signal
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from helpers.tiny import TOKENIZER, reviews
from keras_sentiment.data import chunks
from keras_sentiment.data.prefetch import MIN_ITEMS, ordered_prefetch, parallel_map
from keras_sentiment.data.preparation import prepare_corpus
from keras_sentiment.errors import InputError

pytestmark = pytest.mark.once


class Numbered:
    def __init__(self, number):
        self.number = number


def test_results_are_in_order_and_few_items_are_in_memory():
    living = weakref.WeakSet()

    def items():
        for number in range(300):
            item = Numbered(number)
            living.add(item)
            yield item

    with ThreadPoolExecutor(4) as thread:
        found = 0
        for item, result in ordered_prefetch(thread, lambda item: -item.number, items(), 3):
            assert item.number == found == -result
            assert len(living) <= 8
            found += 1
    assert found == 300


@pytest.mark.parametrize("count", [0, 1, MIN_ITEMS, MIN_ITEMS + 1, MIN_ITEMS + 30])
def test_several_processes_give_the_same_results(count):
    words = [f" word{number} " for number in range(count)]
    expected = [(word, word.strip()) for word in words]
    assert list(parallel_map(str.strip, words, 2)) == list(parallel_map(str.strip, words, 1)) == expected


def files_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def test_a_corpus_is_the_same_from_several_processes(tmp_path, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_REVIEWS", 7)
    for processes in (1, 2):
        unlabelled = reviews(100, seed=1)
        prepare_corpus(
            reviews(200), tmp_path / str(processes), TOKENIZER, unlabelled=unlabelled, processes=processes
        )
    assert files_of(tmp_path / "1") == files_of(tmp_path / "2")


def test_an_error_of_the_source_ends_all_processes(tmp_path, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_REVIEWS", 2)

    def some():
        yield from reviews(100)
        raise InputError("line 101: broken")

    with pytest.raises(InputError, match="line 101: broken"):
        prepare_corpus(some(), tmp_path / "data", TOKENIZER, processes=2)
    assert list(tmp_path.iterdir()) == []


def blocks_ctrl_c(_):
    return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_worker_processes_ignore_ctrl_c_from_the_start():
    # The processes inherit the blocked signal when they start.
    found = [answer for _, answer in parallel_map(blocks_ctrl_c, range(12), 2)]
    assert found == [False] * MIN_ITEMS + [True] * (12 - MIN_ITEMS)
    assert not blocks_ctrl_c(0)


def end_itself(item):
    if multiprocessing.parent_process() is not None:
        os._exit(9)
    return item


def test_a_killed_process_is_an_error():
    with pytest.raises(InputError, match="a process that cleans texts was killed"):
        list(parallel_map(end_itself, range(12), 2))
