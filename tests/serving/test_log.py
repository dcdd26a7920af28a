"""A log that clients can't fill."""

import logging

import pytest

from helpers.served import connect, get, make_classifier, metric, request, say, serving
from keras_sentiment.serving.log import MAX_LINES, MAX_WARNINGS, SECONDS, RepetitionFilter

pytestmark = pytest.mark.once


@pytest.fixture
def lines():
    """A logger that is limited, its lines, and a clock that a test sets."""
    found, clock = [], [0.0]
    handler = logging.Handler()
    handler.emit = lambda record: found.append(record.getMessage())
    handler.addFilter(RepetitionFilter(lambda: clock[0]))
    logger = logging.Logger("limited")
    logger.addHandler(handler)
    return logger, found, clock


@pytest.mark.parametrize(("level", "most"), [(logging.INFO, MAX_LINES), (logging.ERROR, MAX_WARNINGS)])
def test_lines_of_a_kind_are_so_many_and_then_counted(lines, level, most):
    logger, found, clock = lines
    for turn in range(2):
        clock[0] = turn * SECONDS
        for number in range(most + 7):
            logger.log(level, "client %d", number)
    assert len(found) == 2 * most
    assert found[most - 1] == f"client {most - 1}"
    assert found[most] == "(7 lines like the next one were dropped) client 0"
    logger.log(level, "something else")
    assert found[-1] == "something else"
    clock[0] = 10 * SECONDS
    logger.log(level, "client %d", 1)


def test_lines_that_are_wanted_are_all_kept(lines):
    logger, found, _ = lines
    for _ in range(2 * MAX_LINES):
        logger.info("text", extra={"wanted": True})
    assert len(found) == 2 * MAX_LINES


def test_refused_requests_are_logged_by_their_route(caplog):
    """Also those that are refused before they come to it."""
    caplog.set_level(logging.INFO)
    expected = []
    with serving(make_classifier(), max_body_bytes=100, keys=(b"0123456789abcdef",)) as port:
        for raw, line in (
            (request(b"{}"), "POST /predict 401"),
            (request(b"{}", "/v2/models/secret/infer"), "POST /v2/models/{model_name}/infer 401"),
            (get("/metrics"), "GET /metrics 401"),
            (get("/metrics", host="rebound.example"), "GET /metrics 403"),
            (get("/nothing/secret"), "GET (unknown path) 401"),
            (request(b"{}", "/"), "POST / 405"),
        ):
            expected.append(line)
            assert say(port, raw)[0] == int(line[-3:])
    for line in expected:
        assert line in caplog.text
    assert "secret" not in caplog.text


def test_what_a_client_sends_is_never_in_the_log(caplog):
    caplog.set_level(logging.DEBUG)
    long = "M" * 5000
    with serving(make_classifier()) as port:
        for raw in (
            get("/owned%1b%0a?owned=1", "X: owned\r\n"),
            request(b'{"owned": 1}'),
            request(b"{}", "/v2/models/owned%1b/infer"),
            f"{long} /predict HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(),
            get("/", "Origin: http://owned\r\n"),
            get("/", host="owned"),
        ):
            assert say(port, raw)[0] >= 400
        with connect(port) as connection:
            connection.sendall(b"owned\x1b\r\n\r\n")
            connection.recv(4096)
        assert metric(port, "requests_total", '{route="other",status="404"}') == 1
    assert "GET (unknown path) 404" in caplog.text
    assert "(unknown method) /predict 405" in caplog.text
    for word in ("owned", "MMM", "\x1b"):
        assert word not in caplog.text
