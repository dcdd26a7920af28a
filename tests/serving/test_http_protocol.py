"""Slow clients: how long they have, and what they are told."""

import contextlib
import json
import time

import pytest

from helpers.served import answer, connect, make_classifier, request, serving, wait_for

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


def test_drops_do_not_buy_time():
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
