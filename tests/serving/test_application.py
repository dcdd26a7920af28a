"""The routes of the server."""

import concurrent.futures
import json
import logging
import re

import numpy as np
import pytest

from helpers.requests import INFER
from helpers.served import (
    answer,
    ask,
    close_to,
    connect,
    get,
    make_classifier,
    metric,
    request,
    serving,
)

pytestmark = pytest.mark.once


def distinct(count: int, seed: int = 0) -> list[str]:
    """Texts of 1 to 50 words, no two with the same probability."""
    rng = np.random.default_rng(seed)
    found: dict[float, str] = {}
    while len(found) < count:
        words = [rng.choice(["good", "bad"]), *map(str, rng.integers(0, 100, rng.integers(0, 50)))]
        text = " ".join(words)
        found.setdefault(make_classifier().predict([text])[0]["probability"], text)
    return list(found.values())


def test_one_text_has_one_object_and_several_a_list(port):
    texts = ["good", "", "the film is bad " * 50, "电影 \U0001f600", "a\x00b <br/> &amp; good"]
    expected = make_classifier().predict(texts)
    for text, result in zip(texts, expected, strict=True):
        status, headers, found = ask(port, body={"text": text})
        assert (status, found) == (200, close_to(result))
        assert headers["content-type"] == "application/json"
    assert ask(port, body={"text": texts})[2] == [close_to(result) for result in expected]
    assert [result["truncated"] for result in expected] == [False, False, True, False, False]
    assert ask(port, body={"text": []})[::2] == (200, [])


def test_each_of_many_clients_gets_its_own_answers_in_order(engine, port):
    texts = distinct(240)
    expected = make_classifier().predict(texts)
    # One text, or some, by clients that come together and keep their connection.
    parts = [texts[start : start + 1 + start % 5] for start in range(0, 230, 3)]

    def client(chosen):
        with connect(port) as connection:
            for part in chosen:
                connection.sendall(request(json.dumps({"text": part}).encode()))
                status, _, body = answer(connection)
                assert status == 200
                yield part, json.loads(body)

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = [
            pair for pairs in pool.map(lambda n: list(client(parts[n::16])), range(16)) for pair in pairs
        ]
    assert len(answers) == len(parts)
    for part, results in answers:
        assert results == [close_to(expected[texts.index(text)]) for text in part]
    assert metric(port, "texts_total") == sum(map(len, parts)) == sum(rows for rows, _ in engine.shapes)


def test_explain_is_what_occlusion_says(port):
    text = "a <b>good</b> film , not bad"
    status, _, found = ask(port, "/explain", {"text": text})
    expected = make_classifier().explain(text)
    assert (status, found["label"]) == (200, expected["label"])
    assert [word["text"] for word in found["words"]] == [word["text"] for word in expected["words"]]
    for word, other in zip(found["words"], expected["words"], strict=True):
        assert word["contribution"] == pytest.approx(other["contribution"], abs=1e-5)
    assert ask(port, "/explain", {"text": ""})[2]["words"] == []


def test_explain_says_what_was_not_read_and_how_the_label_is_chosen(port):
    for text in ("good " * 100, "<p>bad</p> " * 90 + "film", "good"):
        found, expected = ask(port, "/explain", {"text": text})[2], make_classifier().explain(text)
        assert found["unread"] == expected["unread"]
        assert found["truncated"] == (found["unread"] is not None)
        assert [word["start"] for word in found["words"]] == [word["start"] for word in expected["words"]]
        assert (found["rule"], found["threshold"]) == ("the label is the most probable one", None)
    classifier = make_classifier(threshold=0.25)
    with serving(classifier) as port:
        found = ask(port, "/explain", {"text": "dull film"})[2]
    assert found["label"] == "positive"
    assert found["rule"] == classifier.decision.rule()
    assert found["threshold"] == {"label": "positive", "probability": 0.25}


def test_metrics_have_as_many_series_after_hostile_paths(port):
    def series():
        page = ask(port, "/metrics")[2]
        return {line.split(" ")[0] for line in page.splitlines() if line.startswith("keras_sentiment")}

    ask(port, "/nothing")
    ask(port, "/v2/models/none")
    before = series()
    for number in range(20):
        ask(port, f"/nothing/{number}")
        ask(port, f"/v2/models/none{number}")
    assert series() == before | {line for line in series() if "/metrics" in line}
    assert metric(port, "requests_total", '{route="other",status="404"}') == 21
    assert metric(port, "requests_total", '{route="/v2/models/{model_name}",status="404"}') == 21
    assert metric(port, "request_seconds_count", '{route="other"}') == 21


def test_openapi_describes_every_route_and_its_errors(port):
    found = ask(port, "/openapi.json")[2]
    assert {"/predict", "/explain", "/v2", "/v2/models/{model_name}/infer"} <= set(found["paths"])
    for path, methods in found["paths"].items():
        for operation in methods.values():
            schema = operation["responses"]["4XX"]["content"]["application/json"]["schema"]
            assert schema["$ref"].endswith("/Problem"), path
            assert "422" not in operation["responses"]
    bodies = [
        found["paths"][path]["post"]["requestBody"] for path in ("/predict", "/v2/models/{model_name}/infer")
    ]
    assert all("application/json" in body["content"] for body in bodies)
    assert set(found["components"]["schemas"]["Explanation"]["required"]) == set(
        ask(port, "/explain", {"text": "good"})[2]
    )
    # A reference that leads nowhere hides a part of the schema from every tool.
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(found)):
        place = found
        for key in reference.split("/"):
            place = place[key]


@pytest.mark.parametrize("keys", [(), (b"0123456789abcdef",)])
def test_openapi_has_the_limits_and_says_where_a_key_is_wanted(keys):
    with serving(make_classifier(), keys=keys, max_texts=3, max_body_bytes=13_000) as port:
        found = ask(port, "/openapi.json")[2]
        body = {path: found["paths"][path]["post"]["requestBody"] for path in ("/predict", "/explain")}
        text = {
            path: each["content"]["application/json"]["schema"]["properties"]["text"]
            for path, each in body.items()
        }
        assert body["/predict"]["x-max-bytes"] == body["/explain"]["x-max-bytes"] == 13_000
        assert text["/predict"]["anyOf"][1]["maxItems"] == 3
        most = text["/explain"]["maxLength"]
        header = f"Authorization: Bearer {keys[0].decode()}\r\n" if keys else ""
        for length, status in ((most, 200), (most + 1, 422)):
            assert ask(port, "/explain", {"text": "a" * length}, headers=header)[0] == status
        for path, operations in found["paths"].items():
            for method, operation in operations.items():
                wanted = operation.get("security", []) != []
                url = path.replace("{model_name}", "words")
                assert wanted == (ask(port, url, {} if method == "post" else None)[0] == 401), path
        assert ("securitySchemes" in found["components"]) == bool(keys)


@pytest.mark.parametrize("log_texts", [False, True])
def test_texts_are_in_the_log_only_on_demand(log_texts, caplog):
    caplog.set_level(logging.DEBUG)
    secret = "Bananen"
    tensor = {"name": "text", "datatype": "BYTES", "shape": [1], "data": [secret]}
    with serving(make_classifier(), log_texts=log_texts) as port:
        for path, body in (
            ("/predict", {"text": secret}),
            ("/predict", {"text": [1, secret]}),
            ("/predict", {secret: secret}),
            ("/explain", {"text": secret}),
            (INFER, {"inputs": [tensor]}),
            (INFER, {"inputs": [{**tensor, "shape": [2]}]}),
        ):
            ask(port, path, body)
        ask(port, f"/{secret}?text={secret}")
    assert "/predict 200" in caplog.text
    lines = [line for line in caplog.text.splitlines() if secret in line]
    assert len(lines) == (3 if log_texts else 0)


@pytest.mark.parametrize("path", ["/", "/v2/health/live", "/v2/health/ready"])
def test_head_is_get_without_its_body(port, path):
    with connect(port) as connection:
        connection.sendall(get(path, "Connection: close\r\n").replace(b"GET", b"HEAD"))
        found = b""
        while part := connection.recv(4096):
            found += part
    head, _, body = found.partition(b"\r\n\r\n")
    _, headers, content = ask(port, path)
    assert head.startswith(b"HTTP/1.1 200 ")
    assert f"content-length: {headers['content-length']}".encode() in head
    assert content
    assert not body
