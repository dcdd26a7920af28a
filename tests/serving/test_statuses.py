"""docs/serving.md's table of statuses is what the server does."""

import concurrent.futures
import re
from pathlib import Path

import pytest

from helpers.requests import INFER
from helpers.served import WordEngine, ask, get, make_classifier, metric, request, say, serving, wait_for

pytestmark = pytest.mark.once
DOCUMENT = (Path(__file__).parents[2] / "docs" / "serving.md").read_text("utf-8")
TABLE = DOCUMENT[DOCUMENT.index("| status | when |") :].split("\n\n")[0]
STATUSES = {
    int(status): when
    for cell, when in re.findall(r"^\| ([\d, ]+) \| (.+) \|$", TABLE, re.MULTILINE)
    for status in cell.split(", ")
}
GOOD = b'{"text": "good"}'
TENSOR = b'{"name": "text", "datatype": "BYTES", "shape": [4], "data": ["", "", "", ""]}'


def provoked(port: int) -> list[tuple[int, tuple]]:
    """What is documented for each kind of request, and its answer."""
    untyped = request(GOOD).replace(b"Content-Type: application/json\r\n", b"")
    chunked = request(b"", headers="Transfer-Encoding: chunked\r\n")
    small = chunked.replace(b"Content-Length: 0\r\n", b"") + b"1\r\n \r\n" * 1000
    old = small.replace(b"HTTP/1.1", b"HTTP/1.0")
    return [
        (400, say(port, b"\x16\x03\x01\r\n\r\n")),
        (400, say(port, small)),
        (400, say(port, chunked)),
        (400, say(port, old)),
        (400, ask(port, INFER, b"{}")),
        (400, ask(port, INFER, b'{"inputs": "\xff"}')),
        (403, say(port, get("/", host="rebound.example"))),
        (403, ask(port, body=GOOD, headers="Origin: http://evil.example\r\n")),
        (404, ask(port, "/nothing")),
        (404, ask(port, "/v2/models/other/infer", b"{}")),
        (405, ask(port, "/predict")),
        (408, say(port, request(b"{", length=10))),
        (413, ask(port, body=b" " * 20_000)),
        (413, say(port, request(b"", length=10**9))),
        (415, say(port, untyped)),
        (415, say(port, request(GOOD).replace(b"application/json", b"text/plain"))),
        (415, ask(port, body=GOOD, headers="Content-Encoding: gzip\r\n")),
        (422, ask(port, body={"text": [""] * 4})),
        (422, ask(port, INFER, b'{"inputs": [' + TENSOR + b"]}")),
        (422, ask(port, body=b'{"text": [' + b"{}," * 3000 + b"{}]}")),
        (422, ask(port, "/explain", {"text": "a" * (10_000 // 65 + 1)})),
        (422, ask(port, body=b"[]")),
        (422, ask(port, "/explain", b'{"text": "\xff"}')),
        (431, say(port, get("/", "X: a\r\n" * 100))),
        (431, say(port, get("/" + "a" * 20_000))),
    ]


def test_every_status_of_the_table_is_what_the_server_answers(monkeypatch):
    found = []
    with serving(make_classifier(), max_texts=3, max_body_bytes=10_000, timeout_seconds=1) as port:
        found += provoked(port)
        with monkeypatch.context() as patch:
            patch.setattr(WordEngine, "__call__", lambda self, rows: 1 / 0)
            found.append((500, ask(port, body=GOOD)))
    with serving(make_classifier(), keys=(b"0123456789abcdef",)) as port:
        found.append((401, ask(port, body=GOOD)))
    found += [(503, result) for result in crowded()]
    for expected, (status, headers, content) in found:
        assert status == expected, content
        assert list(content) == ["error"]
        assert headers["content-type"] == "application/json"
        assert headers["x-content-type-options"] == "nosniff"
        assert ("retry-after" in headers) == (status == 503)
    assert {status for status, _ in found} == set(STATUSES)


def crowded() -> list[tuple]:
    """What a server says that has no room."""
    engine = WordEngine()
    with (
        serving(make_classifier(engine), max_waiting=65, max_texts=65, max_connections=8) as port,
        concurrent.futures.ThreadPoolExecutor(6) as pool,
        engine.held(),
    ):
        pool.submit(ask, port, body=GOOD)
        assert engine.entered.wait(60)
        pool.submit(ask, port, body={"text": ["good"] * 60})
        wait_for(lambda: metric(port, "waiting_texts") == 60)
        return [ask(port, body={"text": ["good"] * 65})]


def test_good_answers_are_not_to_be_sniffed_either(port):
    for path in ("/", "/metrics", "/openapi.json", "/v2", "/v2/health/live", "/v2/models/words"):
        status, headers, _ = ask(port, path)
        assert (status, headers["x-content-type-options"]) == (200, "nosniff")
    assert ask(port, body=GOOD)[1]["x-content-type-options"] == "nosniff"


def test_the_limits_of_the_document_are_those_of_the_code():
    from keras_sentiment.config import EXPLAINED_SPANS
    from keras_sentiment.serving import access, admission, bodies, descriptors, http_protocol, log, server

    for said, value in (
        (r"more than (\d+) chunks", http_protocol.MAX_SMALL_CHUNKS),
        (r"chunks of less than (\d+) bytes", http_protocol.SMALL_CHUNK),
        (r"more than (\d+) headers", http_protocol.MAX_HEADERS),
        (r"(\d+) KiB of them", http_protocol.MAX_HEADER_BYTES >> 10),
        (r"--max-body-bytes` / (\d+) characters", EXPLAINED_SPANS + 1),
        (r"beyond (\d+) bodies of full size", admission.HELD_BODIES),
        (r"less (\d+), and 4,096", descriptors.RESERVED),
        (r"less 64, and ([\d,]+)", descriptors.MAX_CONNECTIONS),
        (r"up to ([\d,]+) lines of a kind", log.MAX_LINES),
        (r"of warnings (\d+)", log.MAX_WARNINGS),
        (r"closed after (\d+) seconds", server.IDLE_SECONDS),
        (r"\((\d+) characters or more", access.MIN_KEY_LENGTH),
    ):
        found = re.search(said, " ".join(DOCUMENT.split()))
        assert found, said
        assert int(found[1].replace(",", "")) == value
    assert "takes a hundredth of a second, and half a second more for each megabyte" in DOCUMENT
    assert (admission.REFUSAL_SECONDS, admission.REFUSED_BYTES_PER_SECOND) == (0.01, 2 << 20)
    assert "up to one second in all" in " ".join(DOCUMENT.split())
    assert admission.MAX_REFUSAL_SECONDS == 1
    assert http_protocol.REFUSAL_SECONDS == 0.1
    assert "a thousand JSON values" in STATUSES[422]
    assert bodies.OTHER_VALUES == 1000
    for route in access.OPEN_ROUTES[1:]:
        assert f"`{route}`" in DOCUMENT
