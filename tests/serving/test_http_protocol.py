"""HTTP with limits: slow clients, headers, chunks, connections; and clients that send no more."""

import concurrent.futures
import contextlib
import json
import socket
import time

import pytest

from helpers.served import (
    answer,
    ask,
    connect,
    error_of,
    get,
    make_classifier,
    metric,
    request,
    say,
    serving,
    wait_for,
)
from keras_sentiment.serving.http_protocol import MAX_HEADER_BYTES, MAX_HEADERS, MAX_SMALL_CHUNKS

pytestmark = pytest.mark.once
CHUNKED = request(b"", headers="Transfer-Encoding: chunked\r\n").replace(b"Content-Length: 0\r\n", b"")
SLOW = {
    "half a header": b"POST /predict HTTP/1.1\r\nHost: lo",
    "half a line": b"PO",
    "half a body": request(b'{"text": "goo', length=1000),
    "no body": request(b"", length=1000),
    "half a chunk": CHUNKED + b"5\r\n{",
    "a second request": b"GET /v2 HTTP/1.1\r\nHost: localhost\r\n\r\n" + request(b'{"text"', length=1000),
}


@pytest.mark.parametrize("sent", SLOW.values(), ids=SLOW)
def test_a_client_that_takes_too_long_is_told_and_left(sent):
    with serving(make_classifier(), timeout_seconds=0.3) as port, connect(port) as connection:
        connection.sendall(sent)
        status, _, body = answer(connection)
        if sent.startswith(b"GET"):
            assert status == 200
            status, _, body = answer(connection)
        assert status == 408
        assert "0.3 seconds" in json.loads(body)["error"]
        assert connection.recv(1) == b""


def test_a_byte_now_and_then_does_not_buy_time():
    """A byte now and then, never the last one: the clock runs from the first."""
    with serving(make_classifier(), timeout_seconds=0.5) as port, connect(port) as connection:
        connection.settimeout(0.05)
        found = b""
        for byte in request(b" " * 1000):
            with contextlib.suppress(TimeoutError):
                connection.sendall(bytes([byte]))
                found += connection.recv(4096)
            if found:
                break
        assert found.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("sent", [b"", b"\r\n", request(b"", length=10**9)])
def test_a_client_that_sends_nothing_or_no_end_is_left(sent):
    with serving(make_classifier(), timeout_seconds=0.3) as port, connect(port) as connection:
        connection.sendall(sent)
        if len(sent) > 2:
            assert answer(connection)[0] == 413
            assert connection.recv(1) == b""
        while connection.recv(4096):  # a 408, where something came
            pass


def test_an_idle_connection_outlives_the_time_for_a_request():
    with serving(make_classifier(), timeout_seconds=0.3) as port, connect(port) as connection:
        for _ in range(2):
            connection.sendall(request(b'{"text": "good"}'))
            assert answer(connection)[0] == 200
            time.sleep(0.6)


def test_a_client_that_does_not_take_its_answers_is_left():
    """Its requests fill the buffers between the two."""
    with serving(make_classifier(), timeout_seconds=0.3) as port, connect(port) as connection:
        connection.settimeout(0.5)
        sent = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100
        wait_for(lambda: not takes(connection, sent))


def takes(connection, sent) -> bool:
    """Whether a connection is open, with room for more or without."""
    try:
        connection.sendall(sent)
    except TimeoutError:
        return True
    except ConnectionError:
        return False
    return True


GOOD = request(b'{"text": "good"}')


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ("".join(f"X-{n}: a\r\n" for n in range(MAX_HEADERS - 1)), 200),
        ("".join(f"X-{n}: a\r\n" for n in range(MAX_HEADERS)), 431),
        ("X: a\r\n" * 30_000, 431),
        (f"X: {'a' * (MAX_HEADER_BYTES - 100)}\r\n", 200),
        (f"X: {'a' * MAX_HEADER_BYTES}\r\n", 431),
        (f"X: {'a' * 200_000}\r\n", 431),
    ],
)
def test_headers_are_limited_in_number_and_bytes(port, headers, status):
    """Whether they come at once or bit by bit."""
    raw = get("/v2/health/live", headers)
    found = say(port, raw)
    assert found[0] == status
    with connect(port) as connection, contextlib.suppress(ConnectionError):
        for start in range(0, len(raw), 10_000):
            connection.sendall(raw[start : start + 10_000])
            time.sleep(0.001)
        assert answer(connection)[0] == status


def test_a_long_target_counts_too(port):
    assert say(port, get("/" + "a" * MAX_HEADER_BYTES))[0] == 431


def chunked(size: int, count: int) -> bytes:
    return CHUNKED + b"%x\r\n%s\r\n" % (size, b" " * size) * count + b"0\r\n\r\n"


def test_a_body_comes_in_chunks_but_not_in_many_small_ones(port):
    """One costs as much as some kilobytes do: thousands in one packet would hold up everybody."""
    assert say(port, chunked(64, 2 * MAX_SMALL_CHUNKS))[0] == 422  # read, and found to be no JSON
    assert say(port, chunked(1, MAX_SMALL_CHUNKS - 1))[0] == 422
    assert say(port, chunked(1, MAX_SMALL_CHUNKS + 10))[0] == 400
    # Each request has its own.
    with connect(port) as connection:
        for _ in range(3):
            connection.sendall(chunked(1, MAX_SMALL_CHUNKS - 1))
            assert answer(connection)[0] == 422


def test_small_chunks_are_not_read_to_their_end(port, monkeypatch):
    from keras_sentiment.serving import http_protocol

    events = []
    read = http_protocol.h11.Connection.next_event
    monkeypatch.setattr(
        http_protocol.h11.Connection, "next_event", lambda self: events.append(1) or read(self)
    )
    assert say(port, chunked(1, 20_000))[0] == 400
    assert len(events) < 2 * MAX_SMALL_CHUNKS


def test_small_chunks_are_told_logged_and_counted_as_what_they_are(port, monkeypatch, caplog):
    from keras_sentiment.serving import http_protocol

    monkeypatch.setattr(http_protocol, "REFUSAL_SECONDS", 2)
    sent = chunked(1, 2 * MAX_SMALL_CHUNKS)[:-5]
    with connect(port) as connection:
        for _ in range(5):
            connection.sendall(sent)
            sent = b"1\r\n \r\n" * 100
            time.sleep(0.05)
        status, _, body = answer(connection)
    assert status == 400
    assert "256 small chunks" in json.loads(body)["error"]
    wait_for(lambda: metric(port, "requests_total", '{route="/predict",status="400"}') == 1)
    assert metric(port, "requests_total", '{route="/predict",status="499"}') == 0
    assert caplog.text.count("Invalid HTTP request") == 1


def test_a_request_that_took_too_long_is_counted_as_that():
    with serving(make_classifier(), timeout_seconds=0.3) as port:
        assert say(port, request(b"{", length=10))[0] == 408
        wait_for(lambda: metric(port, "requests_total", '{route="/predict",status="408"}') == 1)


def test_two_lengths_are_one_too_many(engine, port):
    """A proxy may have believed the other."""
    result = say(port, CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\n5\r\n"))
    assert result[0] == 400
    assert "two lengths" in error_of(result)
    assert not engine.shapes


def test_chunks_are_of_http_1_1(engine, port):
    """A proxy that speaks HTTP/1.0 passes them on unread."""
    old = CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0") + b"10\r\n" + b'{"text": "good"}' + b"\r\n0\r\n\r\n"
    result = say(port, old)
    assert result[0] == 400
    assert "HTTP/1.0" in error_of(result)
    assert not engine.shapes


@pytest.mark.parametrize("sent", [b"\x16\x03\x01\r\n\r\n", chunked(1, 2 * MAX_SMALL_CHUNKS)[:-5]])
def test_a_client_that_sends_no_more_is_told_what_was_wrong(port, sent):
    with connect(port) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        assert answer(connection)[0] == 400


@pytest.mark.parametrize(
    "sent", [GOOD, GOOD.replace(b"HTTP/1.1", b"HTTP/1.0"), GOOD * 3, GOOD + b"POST /pre"]
)
def test_a_client_that_sends_no_more_gets_its_answers(engine, port, sent):
    requests = sent.count(b"\r\n\r\n")
    with connect(port) as connection:
        with engine.held():
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            assert engine.entered.wait(60)
        for _ in range(requests):
            assert answer(connection)[0] == 200
        assert connection.recv(1) == b""


@pytest.mark.parametrize("sent", [b"", b"GET /v2", request(b"{", length=10), GOOD + request(b"{", length=10)])
def test_a_client_that_sends_no_more_of_half_a_request_is_left(port, sent):
    with connect(port) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        if sent.startswith(GOOD):
            assert answer(connection)[0] == 200
        assert connection.recv(1) == b""


SILENT = {
    "silent": b"",
    "half a header": b"GET /v2/health",
    "half a body": request(b'{"text"', length=1000),
    "kept alive": GOOD,
    "refused": request(b"", length=10**9),
}


@pytest.mark.parametrize("sent", SILENT.values(), ids=SILENT)
def test_silent_connections_give_way_the_oldest_first(engine, sent):
    """A client that is being answered, and one that has just come, are not silent."""
    with (
        serving(make_classifier(engine), max_connections=8) as port,
        contextlib.ExitStack() as stack,
        concurrent.futures.ThreadPoolExecutor(1) as pool,
    ):
        with engine.held():
            first = pool.submit(ask, port, body={"text": "good"})
            assert engine.entered.wait(60)
            silent = [stack.enter_context(connect(port)) for _ in range(50)]
            for connection in silent:
                if sent != GOOD:
                    with contextlib.suppress(ConnectionError):
                        connection.sendall(sent)
            assert ask(port, "/v2/health/live")[0] == 200
        assert first.result(60)[0] == 200
        for _ in range(20):
            connection = stack.enter_context(connect(port))
            connection.sendall(GOOD)
            assert answer(connection)[0] == 200
        open_now = [connection for connection in silent if not is_closed(connection)]
        assert len(open_now) <= 8


PIPELINED = {
    "no route": get("/nothing"),
    "health": get("/v2/health/live"),
    "no JSON": request(b"{}"),
    "a form": request(b"{}").replace(b"application/json", b"text/plain"),
}


@pytest.mark.parametrize("sent", PIPELINED.values(), ids=PIPELINED)
def test_clients_that_always_have_another_request_give_way_too(sent):
    """Uvicorn goes from one request to the next at once: such a client is never silent."""
    with serving(make_classifier(), max_connections=8) as port, contextlib.ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(connect(port)).sendall(sent * 2000)
        for _ in range(4):
            stack.enter_context(connect(port)).sendall(sent * 2000)
            assert ask(port, "/v2/health/live")[0] == 200


def test_a_connection_is_as_old_as_its_last_answer_from_the_model():
    with serving(make_classifier(), max_connections=8) as port, contextlib.ExitStack() as stack:
        kept = [stack.enter_context(connect(port)) for _ in range(8)]
        for connection, sent in ((kept[0], GOOD), (kept[1], get("/nothing")), (kept[2], request(b"{}"))):
            connection.sendall(sent)
            answer(connection)
        for _ in range(2):
            assert ask(port, "/v2/health/live")[0] == 200
            stack.enter_context(connect(port))
        wait_for(lambda: is_closed(kept[2]))
        assert [is_closed(connection) for connection in kept[:2]] == [False, True]


def is_closed(connection) -> bool:
    connection.setblocking(False)
    try:
        while connection.recv(4096):
            pass
    except BlockingIOError:
        return False
    except ConnectionError:
        pass
    return True


def test_the_last_of_many_silent_connections_are_kept():
    with serving(make_classifier(), max_connections=8) as port, contextlib.ExitStack() as stack:
        silent = [stack.enter_context(connect(port)) for _ in range(20)]
        wait_for(lambda: sum(map(is_closed, silent)) == 12)
        assert [is_closed(connection) for connection in silent] == [True] * 12 + [False] * 8


def test_where_all_are_being_answered_a_newcomer_is_told(engine):
    """Requests with a body take three of four connections: health has the others."""
    with (
        serving(make_classifier(engine), max_connections=8) as port,
        concurrent.futures.ThreadPoolExecutor(6) as pool,
        contextlib.ExitStack() as stack,
    ):
        with engine.held():
            waiting = [pool.submit(ask, port, body={"text": "good"})]
            assert engine.entered.wait(60)
            waiting += [pool.submit(ask, port, body={"text": "good"}) for _ in range(5)]
            wait_for(lambda: metric(port, "waiting_texts") == 5)
            assert ask(port, body={"text": "good"})[0] == 503
            for _ in range(20):
                stack.enter_context(connect(port))
            assert ask(port, "/v2/health/live")[0] == 200
        assert [future.result(60)[0] for future in waiting] == [200] * 6


def test_a_refused_body_is_dropped_slowly_and_not_for_ever(monkeypatch):
    """As it's read, it costs the client time; the server reads no more than its share."""
    from keras_sentiment.serving import http_protocol

    received = []
    take = http_protocol.LimitedProtocol.data_received
    monkeypatch.setattr(
        http_protocol.LimitedProtocol,
        "data_received",
        lambda self, data: received.append(len(data)) or take(self, data),
    )
    monkeypatch.setattr(http_protocol, "DROPPED_BYTES_PER_SECOND", 100_000)
    with serving(make_classifier(), timeout_seconds=1) as port, connect(port) as connection:
        connection.sendall(request(b"", length=10**9))
        assert answer(connection)[0] == 413
        with contextlib.suppress(ConnectionError):
            for _ in range(1000):
                connection.sendall(b" " * 100_000)
    # What is read before the first pause, and then a packet at a time.
    assert sum(received) < 2_000_000
