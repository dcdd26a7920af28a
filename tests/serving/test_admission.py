"""What a server refuses: no request, too large, too many."""

import asyncio
import concurrent.futures
import contextlib
import json

import pytest

from helpers.requests import INFER
from helpers.served import answer, ask, connect, error_of, make_classifier, metric, request, serving, wait_for
from keras_sentiment.serving.admission import HELD_BODIES

pytestmark = pytest.mark.once
DEEP = b"[" * 100_000
HOSTILE = {
    "nothing": b"",
    "not JSON": b"text",
    "half": b'{"text": "goo',
    "null": b"null",
    "null text": b'{"text": null}',
    "number": b'{"text": 1}',
    "NaN": b'{"text": NaN}',
    "infinity": b'{"text": [Infinity]}',
    "NaN alone": b"NaN",
    "long number": b'{"text": ' + b"1" * 10_000 + b"}",
    "null among texts": b'{"text": ["good", null]}',
    "texts within texts": b'{"text": [["good"]]}',
    "an object": b'{"text": {"text": "good"}}',
    "list": b'["good"]',
    "string": b'"good"',
    "no text": b"{}",
    "more than text": b'{"text": "good", "explain": true}',
    "lone surrogate": b'{"text": "\\ud800"}',
    "lone surrogates": b'{"text": ["good", "\\udfff\\ud800"]}',
    "surrogate key": b'{"\\ud800": 1}',
    "invalid UTF-8": b'{"text": "\xff\xfe"}',
    "overlong UTF-8": b'{"text": "\xc0\x80"}',
    "UTF-16": '{"text": "good"}'.encode("utf-16-le")[:-1],
    "deep": DEEP,
    "deep text": b'{"text": ' + DEEP,
    "deep object": b'{"text":' * 50_000,
}


@pytest.mark.parametrize("path", ["/predict", "/explain", INFER])
@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_request_is_refused(port, path, body):
    result = ask(port, path, body)
    assert 400 <= result[0] < 500
    error_of(result)
    assert ask(port, body={"text": "good"})[0] == 200


def test_a_form_is_told_to_say_that_it_is_json(port):
    raw = request(b'{"text": "good"}').replace(b"application/json", b"application/x-www-form-urlencoded")
    with connect(port) as connection:
        connection.sendall(raw)
        status, _, body = answer(connection)
    assert status == 415
    assert "application/json" in json.loads(body)["error"]


def test_large_bodies_are_refused_whether_they_say_so_or_not():
    body = json.dumps({"text": "good " * 1000}).encode()
    with serving(make_classifier(), max_body_bytes=len(body)) as port:
        assert ask(port, body=body)[0] == 200
        assert "bytes" in error_of(ask(port, body=body + b" "))
        # By its header, before any of it has come.
        with connect(port) as connection:
            connection.sendall(request(b"", length=10**12))
            assert answer(connection)[0] == 413
        chunked = request(b"", headers="Transfer-Encoding: chunked\r\n").replace(
            b"Content-Length: 0\r\n", b""
        )
        with connect(port) as connection:
            connection.sendall(chunked)
            for _ in range(3):
                connection.sendall(b"1000\r\n" + b" " * 0x1000 + b"\r\n")
            assert answer(connection)[0] == 413
            # What was refused can end, and the connection serves on.
            connection.sendall(b"0\r\n\r\n" + request(b'{"text": "good"}'))
            assert answer(connection)[0] == 200
        assert metric(port, "requests_total", '{route="/predict",status="413"}') == 3


def test_compressed_bodies_are_refused(port):
    result = ask(port, body={"text": "good"}, headers="Content-Encoding: gzip\r\n")
    assert result[0] == 415
    error_of(result)


def test_a_request_has_so_many_texts(engine):
    with serving(make_classifier(engine), max_texts=3) as port:
        assert ask(port, body={"text": ["good"] * 3})[0] == 200
        result = ask(port, body={"text": ["good"] * 4})
        assert result[0] == 422
        assert "4 texts are more than 3" in error_of(result)
        tensor = {"name": "text", "datatype": "BYTES", "shape": [4], "data": ["good"] * 4}
        assert ask(port, INFER, {"inputs": [tensor]})[0] == 422
        assert sum(rows for rows, _ in engine.shapes) == 3


def test_what_explain_scores_is_bounded_too():
    with serving(make_classifier(), max_body_bytes=10_000) as port:
        assert ask(port, "/explain", {"text": "good " * 20})[0] == 200
        result = ask(port, "/explain", {"text": "good " * 100})
        assert result[0] == 422
        assert "153 characters" in error_of(result)


def test_beyond_the_texts_that_may_wait_come_again(engine):
    with (
        serving(make_classifier(engine), max_texts=40, max_waiting=65) as port,
        concurrent.futures.ThreadPoolExecutor(4) as pool,
    ):
        with engine.held():
            waiting = [pool.submit(ask, port, body={"text": "good"})]
            assert engine.entered.wait(60)
            waiting += [pool.submit(ask, port, body={"text": ["good"] * 40})]
            wait_for(lambda: metric(port, "waiting_texts") == 40)
            for path, body in (("/predict", {"text": ["bad"] * 26}), ("/explain", {"text": "bad " * 30})):
                result = ask(port, path, body)
                assert result[0] == 503
                assert int(result[1]["retry-after"]) > 0
                error_of(result)
            assert metric(port, "waiting_texts") == 40
            waiting += [pool.submit(ask, port, body={"text": ["good"] * 25})]
            wait_for(lambda: metric(port, "waiting_texts") == 65)
            # The owner still sees how it is.
            assert ask(port, "/v2/health/ready")[0] == 200
        assert [future.result(60)[0] for future in waiting] == [200, 200, 200]
        assert ask(port, body={"text": ["bad"] * 26})[0] == 200


def test_a_body_on_its_way_gives_way_to_one_that_comes_later():
    """The oldest first: clients that send half of it don't keep out those that send all."""
    with serving(make_classifier(), max_texts=1, max_waiting=65) as port, contextlib.ExitStack() as stack:
        half = [stack.enter_context(connect(port)) for _ in range(65)]
        for connection in half:
            connection.sendall(request(b'{"text"', length=21))
        for _ in range(2):
            wait_for(lambda: ask(port, body={"text": "good"})[0] == 200)
        assert answer(half[0])[0] == 503
        half[-1].sendall(b': "good film"}')
        assert answer(half[-1])[0] == 200


def test_bodies_that_are_held_are_bounded_in_bytes(engine):
    """One on its way gives way to one that comes later; where all are whole, the newcomer is refused."""
    large = json.dumps({"text": "good" + " " * 900}).encode()
    room = HELD_BODIES * 1000 - 2 * len(large)
    with (
        serving(make_classifier(engine), max_body_bytes=1000) as port,
        concurrent.futures.ThreadPoolExecutor(2 * HELD_BODIES) as pool,
        connect(port) as half,
    ):
        half.sendall(request(large[:-1], length=len(large)))
        with engine.held():
            waiting = [pool.submit(ask, port, body={"text": "good"})]
            assert engine.entered.wait(60)
            waiting += [pool.submit(ask, port, body=large) for _ in range(room // len(large))]
            wait_for(lambda: metric(port, "waiting_texts") == len(waiting) - 1)
            waiting += [pool.submit(ask, port, body=large) for _ in range(2)]
            assert answer(half)[0] == 503
            wait_for(lambda: metric(port, "waiting_texts") == len(waiting) - 1)
            assert ask(port, body=large)[0] == 503
        assert [future.result(60)[0] for future in waiting] == [200] * len(waiting)


@pytest.fixture
def waited(monkeypatch):
    """The seconds that a server would wait, which it doesn't."""
    found: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds):
        found.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", noted)
    return found


def test_a_refusal_takes_as_long_as_its_body(port, waited):
    """And holds none of it meanwhile."""
    for path, body in (("/predict", b"[" * 2**20), (INFER, b"{" * 2**19), ("/nothing", b" " * 2**20)):
        assert 400 <= ask(port, path, body)[0] < 500
    assert ask(port, "/nothing")[0] == 404
    assert ask(port, body={"text": "good" * 1000})[0] == 200
    waited = [seconds for seconds in waited if seconds not in (0, 0.1)]  # 0.1 is uvicorn's own
    assert waited == pytest.approx([0.51, 0.26, 0.51, 0.01])


def test_and_never_longer_than_a_second(waited):
    with serving(make_classifier(), max_body_bytes=100 << 20) as port:
        assert ask(port, body=b"[" * (5 << 20))[0] == 422
    assert max(waited) == 1


def test_no_http_has_an_answer_in_json(port):
    with connect(port) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\r\n\r\n")
        status, headers, body = answer(connection)
    assert (status, headers["content-type"]) == (400, "application/json")
    assert "error" in json.loads(body)


@pytest.mark.parametrize(
    ("path", "status"),
    [("/nothing", 404), ("/predict/", 404), ("/docs", 404), ("/redoc", 404), ("/predict", 405)],
)
def test_no_route(port, path, status):
    result = ask(port, path)
    assert result[0] == status
    error_of(result)
