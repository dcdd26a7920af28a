"""The Open Inference Protocol as its clients speak it, in JSON and with binary tensors."""

import json

import numpy as np
import pytest

from helpers.served import answer, ask, connect, elements, error_of, make_classifier, request

pytestmark = pytest.mark.once

INFER = "/v2/models/words/infer"


def test_metadata_and_health(port):
    assert ask(port, "/v2")[2]["extensions"] == ["binary_tensor_data"]
    assert ask(port, "/v2/health/live")[::2] == (200, {"live": True})
    assert ask(port, "/v2/health/ready")[::2] == (200, {"ready": True})
    for model in ("/v2/models/words", "/v2/models/words/versions/1"):
        found = ask(port, model)[2]
        assert (found["name"], found["versions"]) == ("words", ["1"])
        assert [(t["name"], t["datatype"], t["shape"]) for t in found["inputs"]] == [("text", "BYTES", [-1])]
        assert [(t["name"], t["datatype"], t["shape"]) for t in found["outputs"]] == [
            ("probabilities", "FP32", [-1, 2]),
            ("label", "BYTES", [-1]),
        ]
        assert ask(port, f"{model}/ready")[::2] == (200, {"name": "words", "ready": True})
    for path in ("/v2/models/none", "/v2/models/none/ready", "/v2/models/words/versions/2"):
        result = ask(port, path)
        assert result[0] == 404
        error_of(result)


TEXTS = ["good", "bad film", "", "电影 \U0001f600"]
TENSOR = {"name": "text", "datatype": "BYTES", "shape": [4], "data": TEXTS}


def test_inference_in_json(port):
    expected = make_classifier().predict(TEXTS)
    for model in ("/v2/models/words", "/v2/models/words/versions/1"):
        status, headers, found = ask(port, f"{model}/infer", {"id": "é1", "inputs": [TENSOR]})
        assert (status, headers["content-type"]) == (200, "application/json")
        assert (found["id"], found["model_name"], found["model_version"]) == ("é1", "words", "1")
        probabilities, labels = found["outputs"]
        assert (probabilities["name"], probabilities["datatype"]) == ("probabilities", "FP32")
        assert probabilities["shape"] == [4, 2]
        rows = [list(result["probabilities"].values()) for result in expected]
        assert probabilities["data"] == pytest.approx(np.ravel(rows), rel=1e-5)
        assert (labels["name"], labels["datatype"], labels["shape"]) == ("label", "BYTES", [4])
        assert labels["data"] == [result["label"] for result in expected]
    found = ask(port, INFER, {"inputs": [TENSOR], "outputs": [{"name": "label"}]})[2]
    assert "id" not in found
    assert [output["name"] for output in found["outputs"]] == ["label"]
    empty = {"inputs": [{**TENSOR, "shape": [0], "data": []}]}
    assert [output["shape"] for output in ask(port, INFER, empty)[2]["outputs"]] == [[0, 2], [0]]


def binary(port, head, tail, path=INFER, length=None):
    """Asks with binary tensors; returns the status, the JSON and what stands behind it."""
    raw = json.dumps(head).encode()
    said = len(raw) if length is None else length
    with connect(port) as connection:
        connection.sendall(request(raw + tail, path, headers=f"Inference-Header-Content-Length: {said}\r\n"))
        status, headers, body = answer(connection)
    end = int(headers.get("inference-header-content-length", len(body)))
    return status, json.loads(body[:end]), body[end:]


def test_inference_with_binary_tensors(port):
    tail = elements([text.encode() for text in TEXTS])
    tensor = {
        "name": "text",
        "datatype": "BYTES",
        "shape": [4],
        "parameters": {"binary_data_size": len(tail)},
    }
    expected = make_classifier().predict(TEXTS)
    rows = np.array([list(result["probabilities"].values()) for result in expected], "<f4")
    labels = [result["label"].encode() for result in expected]

    head = {"inputs": [tensor], "parameters": {"binary_data_output": True}}
    status, found, behind = binary(port, head, tail)
    assert status == 200
    assert [set(output) for output in found["outputs"]] == [{"name", "datatype", "shape", "parameters"}] * 2
    assert [output["parameters"]["binary_data_size"] for output in found["outputs"]] == [
        32,
        len(elements(labels)),
    ]
    assert np.frombuffer(behind[:32], "<f4").reshape(4, 2) == pytest.approx(rows, rel=1e-5)
    assert behind[32:] == elements(labels)

    # Each output as it asks itself, in the order in which they are asked for.
    head["outputs"] = [{"name": "label", "parameters": {"binary_data": False}}, {"name": "probabilities"}]
    _, found, behind = binary(port, head, tail)
    assert [output["name"] for output in found["outputs"]] == ["label", "probabilities"]
    assert found["outputs"][0]["data"] == [label.decode() for label in labels]
    assert np.frombuffer(behind, "<f4") == pytest.approx(rows.ravel(), rel=1e-5)
    # JSON in and binary out.
    head = {"inputs": [TENSOR], "outputs": [{"name": "label", "parameters": {"binary_data": True}}]}
    with connect(port) as connection:
        connection.sendall(request(json.dumps(head).encode(), INFER))
        _, headers, body = answer(connection)
    assert body[int(headers["inference-header-content-length"]) :] == elements(labels)


WRONG = {
    "no inputs": {"inputs": []},
    "two inputs": {"inputs": [TENSOR, TENSOR]},
    "another input": {"inputs": [{**TENSOR, "name": "input_ids"}]},
    "another type": {"inputs": [{**TENSOR, "datatype": "FP32", "data": [1, 2, 3, 4]}]},
    "another shape": {"inputs": [{**TENSOR, "shape": [4, 1]}]},
    "fewer texts": {"inputs": [{**TENSOR, "shape": [5]}]},
    "negative shape": {"inputs": [{**TENSOR, "shape": [-1]}]},
    "no data": {"inputs": [{**TENSOR, "data": None}]},
    "both": {"inputs": [{**TENSOR, "parameters": {"binary_data_size": 0}}]},
    "true for a size": {"inputs": [{**TENSOR, "data": None, "parameters": {"binary_data_size": True}}]},
    "null parameters": {"inputs": [{**TENSOR, "parameters": None}]},
    "shared memory": {"inputs": [{**TENSOR, "data": None, "parameters": {"shared_memory_region": "a"}}]},
    "another output": {"inputs": [TENSOR], "outputs": [{"name": "logits"}]},
    "one output twice": {"inputs": [TENSOR], "outputs": [{"name": "label"}] * 2},
    "classification": {
        "inputs": [TENSOR],
        "outputs": [{"name": "label", "parameters": {"classification": 1}}],
    },
    "no boolean": {"inputs": [TENSOR], "outputs": [{"name": "label", "parameters": {"binary_data": 1}}]},
    "no boolean for all": {"inputs": [TENSOR], "parameters": {"binary_data_output": "yes"}},
    "number as id": {"id": 7, "inputs": [TENSOR]},
}


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG)
def test_inference_that_is_refused(engine, port, body):
    result = ask(port, INFER, body)
    assert result[0] == 400
    error_of(result)
    assert not engine.shapes


@pytest.mark.parametrize(
    ("tail", "size", "length"),
    [
        (elements([b"good"])[:-1], None, None),
        (elements([b"good"]) + b"\x01", None, None),
        (b"\xff\xff\xff\xffgood", None, None),
        (elements([b"\xff\xfe"]), None, None),
        (elements([b"\xed\xa0\x80"]), None, None),
        (elements([b"good"]), 7, None),
        (elements([b"good"]), 9, None),
        (elements([b"good"]), -8, None),
        (elements([b"good"] * 2), None, None),
        (elements([b"good"]), None, 10**6),
        (elements([b"good"]), None, -1),
        (elements([b"good"]), None, "1" * 5000),
        (elements([b"good"]), None, "²"),
        (elements([b"good"]), None, "ten"),
    ],
)
def test_binary_tensors_that_are_refused(engine, port, tail, size, length):
    size = len(tail) if size is None else size
    tensor = {"name": "text", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": size}}
    status, found, _ = binary(port, {"inputs": [tensor]}, tail, length=length)
    assert (status, list(found)) == (400, ["error"])
    assert not engine.shapes


def test_another_models_name_is_not_found(port):
    result = ask(port, "/v2/models/none/infer", {"inputs": [TENSOR]})
    assert result[0] == 404
    assert "words" in error_of(result)


@pytest.mark.parametrize("as_binary", [False, True])
def test_tritons_own_client(port, as_binary):
    import tritonclient.http as http

    expected = make_classifier().predict(TEXTS)
    client = http.InferenceServerClient(f"127.0.0.1:{port}")
    try:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("words")
        assert client.is_model_ready("words", "1")
        assert not client.is_model_ready("none")
        assert client.get_server_metadata()["name"] == "keras-sentiment"
        assert client.get_model_metadata("words")["outputs"][0]["name"] == "probabilities"
        tensor = http.InferInput("text", [len(TEXTS)], "BYTES")
        tensor.set_data_from_numpy(np.array(TEXTS, object), binary_data=as_binary)
        outputs = [http.InferRequestedOutput(name, as_binary) for name in ("label", "probabilities")]
        for asked in (None, outputs):
            result = client.infer("words", [tensor], outputs=asked, request_id="7")
            assert result.get_response()["id"] == "7"
            rows = np.array([list(one["probabilities"].values()) for one in expected])
            assert result.as_numpy("probabilities") == pytest.approx(rows, rel=1e-5)
            # The client gives a binary tensor as bytes, and JSON as strings.
            labels = [one["label"] if asked and not as_binary else one["label"].encode() for one in expected]
            assert result.as_numpy("label").tolist() == labels
        with pytest.raises(http.InferenceServerException, match="probabilities and label"):
            client.infer("words", [tensor], outputs=[http.InferRequestedOutput("logits")])
    finally:
        client.close()
