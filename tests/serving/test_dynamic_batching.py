"""Texts that wait are scored together, and none is forgotten."""

import concurrent.futures
import json
import socket
import struct

import numpy as np
import pytest

from helpers.served import (
    WordEngine,
    ask,
    close_to,
    connect,
    make_classifier,
    metric,
    request,
    wait_for,
)
from keras_sentiment.config import SCORING_BATCH_TOKENS
from keras_sentiment.serving.dynamic_batching import MAX_PADDING, nearest_in_length

pytestmark = pytest.mark.once


def test_texts_that_wait_are_scored_together_by_length(engine, port):
    """Forty requests of one text each, in two lengths: two batches."""
    short, long = [f"good {n}" for n in range(20)], [f"bad {n} " + "the " * 40 for n in range(20)]
    with concurrent.futures.ThreadPoolExecutor(41) as pool:
        with engine.held():
            first = pool.submit(ask, port, body={"text": "fine"})
            assert engine.entered.wait(60)
            others = [pool.submit(ask, port, body={"text": text}) for text in short + long]
            wait_for(lambda: metric(port, "waiting_texts") == 40)
        expected = make_classifier().predict(["fine", *short, *long])
        found = [future.result(60)[2] for future in [first, *others]]
    assert found == [close_to(result) for result in expected]
    assert [rows for rows, _ in engine.shapes] == [1, 20, 20]
    assert len({length for _, length in engine.shapes[1:]}) == 2
    assert metric(port, "waiting_texts") == 0
    assert metric(port, "batch_texts_count") == 3


@pytest.mark.parametrize("seed", range(20))
def test_a_batch_has_the_oldest_and_what_fits_it_best(seed):
    rng = np.random.default_rng(seed)
    lengths = sorted(8 * rng.integers(1, 65, rng.integers(1, 200)))
    oldest = int(rng.integers(len(lengths)))
    chosen = nearest_in_length(lengths, oldest)
    batch = lengths[chosen]
    assert lengths[oldest] in batch
    assert chosen.start <= oldest < chosen.stop
    size = len(batch) * max(batch)
    assert size <= SCORING_BATCH_TOKENS
    assert size - sum(batch) <= MAX_PADDING * size
    # Equal lengths cost no padding: none is left behind while there is room.
    if size + max(batch) <= SCORING_BATCH_TOKENS:
        assert lengths[oldest] not in lengths[: chosen.start] + lengths[chosen.stop :]


def test_no_text_is_overtaken_for_ever(engine, port):
    """A long text among a stream of short ones is in the batch after the one that ran when it came."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool, engine.held():
        pool.submit(ask, port, body={"text": "good"})
        assert engine.entered.wait(60)
        pool.submit(ask, port, body={"text": "the " * 60})
        wait_for(lambda: metric(port, "waiting_texts") == 1)
        pool.submit(ask, port, body={"text": ["fine"] * 200})
        wait_for(lambda: metric(port, "waiting_texts") == 201)
    assert engine.shapes[1] == (1, 64)


def test_a_client_whose_connection_breaks_takes_its_texts_along(engine, port):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        with engine.held():
            first = pool.submit(ask, port, body={"text": "good"})
            assert engine.entered.wait(60)
            with connect(port) as gone:
                gone.sendall(request(json.dumps({"text": ["bad"] * 7}).encode()))
                wait_for(lambda: metric(port, "waiting_texts") == 7)
                gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # no farewell
            wait_for(lambda: metric(port, "waiting_texts") == 0)
            other = pool.submit(ask, port, body={"text": "fine"})
            wait_for(lambda: metric(port, "waiting_texts") == 1)
        assert first.result(60)[2]["label"] == other.result(60)[2]["label"] == "positive"
    assert [rows for rows, _ in engine.shapes] == [1, 1]
    assert metric(port, "requests_total", '{route="/predict",status="499"}') == 1


def test_a_batch_that_fails_is_told_to_those_in_it_alone(engine, port, caplog, monkeypatch):
    def failing(rows):
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(make_classifier, "__doc__", None)
        patch.setattr(WordEngine, "__call__", lambda self, rows: failing(rows))
        status, _, found = ask(port, body={"text": ["good", "bad"]})
    assert (status, set(found)) == (500, {"error"})
    wait_for(lambda: "out of memory" in caplog.text)
    assert "out of memory" not in found["error"]
    assert ask(port, body={"text": "good"})[2]["label"] == "positive"
    assert metric(port, "requests_total", '{route="/predict",status="500"}') == 1
