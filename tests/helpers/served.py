"""Helpers for the tests of the server: a model that counts words, its artifact, and a server in a thread."""

import contextlib
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_sentiment.config import InputConfig
from keras_sentiment.data.text_keys import TextKeys
from keras_sentiment.decision import Decision
from keras_sentiment.inference.artifact import GRAPH_FILES, TRAINED_ON_FILE, Artifact
from keras_sentiment.inference.classifier import Classifier
from keras_sentiment.serving.application import make_app
from keras_sentiment.serving.config import ServingConfig
from keras_sentiment.serving.server import Server, listen
from keras_sentiment.text.cleaning import CLEANING_VERSION
from keras_sentiment.text.tokenizer import Tokenizer

LABELS = ("negative", "positive")
# The weight of each word for the logit of `positive`; other words have 0.
WEIGHTS = {"good": 2.0, "fine": 0.75, "bad": -2.5, "dull": -1.0}
FILLING = ["film", "plot", "the", "a", "is", "very", "not", *map(str, range(100))]
TOKENIZER = Tokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WEIGHTS, *FILLING])
INPUTS = InputConfig(sequence_length=64)
TABLE = np.zeros((TOKENIZER.vocabulary_size, 2), "float32")
for word, weight in WEIGHTS.items():
    TABLE[TOKENIZER.vocabulary.index(word), 1] = weight
for number in range(100):  # small weights, so that texts differ and labels do not change
    TABLE[TOKENIZER.vocabulary.index(str(number)), 1] = (number + 1) / 4096


class WordEngine:
    """Adds the weights of the words of a text; records the shape of each batch, and can be paused."""

    compiles = False

    def __init__(self):
        self.shapes, self.entered, self.go_on = [], threading.Event(), threading.Event()
        self.go_on.set()

    def __call__(self, rows):
        self.shapes.append(rows["token_ids"].shape)
        self.entered.set()
        assert self.go_on.wait(60)
        return (TABLE[rows["token_ids"]] * rows["padding_mask"][..., None]).sum(axis=1)

    @contextlib.contextmanager
    def held(self):
        """Delays the end of the next batch until the block ends."""
        self.entered.clear()
        self.go_on.clear()
        try:
            yield
        finally:
            self.go_on.set()


def make_classifier(engine=None, threshold=None):
    return Classifier(TOKENIZER, INPUTS, Decision(LABELS, threshold=threshold), engine or WordEngine())


def write_artifact(folder: Path, name: str = "words") -> Artifact:
    """An artifact with an ONNX graph that computes the same as `WordEngine`."""
    from onnx import TensorProto, helper, numpy_helper, save

    nodes = [
        helper.make_node("Gather", ["table", "token_ids"], ["weights"]),
        helper.make_node("Cast", ["padding_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["column"]),
        helper.make_node("Mul", ["weights", "column"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "positions"], ["logits"], keepdims=0),
    ]
    constants = {"table": TABLE, "last": np.array([2]), "positions": np.array([1])}
    graph = helper.make_graph(
        nodes,
        "words",
        [
            helper.make_tensor_value_info(name, TensorProto.INT32, ["batch", "length"])
            for name in ("token_ids", "padding_mask")
        ],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    folder.mkdir(parents=True, exist_ok=True)
    opsets = [helper.make_opsetid("", 17)]
    save(helper.make_model(graph, opset_imports=opsets, ir_version=8), folder / GRAPH_FILES["onnx"])
    TOKENIZER.save(folder / "tokenizer")
    TextKeys.of(["good film"]).write(folder / TRAINED_ON_FILE)
    return Artifact(folder, "onnx", name, LABELS, INPUTS, CLEANING_VERSION, 1.0, None).write()


@contextlib.contextmanager
def serving(classifier, keys=(), **settings):
    """Serves a classifier in a thread; yields the port."""
    config = ServingConfig(port=0, **settings)
    listener, listens = listen(config), threading.Event()
    server = Server(make_app(classifier, "words", config, keys), config, listener, listens.set)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert listens.wait(60)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(60)
        assert not thread.is_alive()


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=60)


def request(body: bytes, path: str = "/predict", length: int | None = None, headers: str = "") -> bytes:
    """The bytes of a POST request; `length` is the Content-Length."""
    said = len(body) if length is None else length
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{headers}"
    return f"{head}Content-Length: {said}\r\n\r\n".encode() + body


def get(path: str, headers: str = "", host: str = "localhost") -> bytes:
    """The bytes of a GET request."""
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n".encode()


def answer(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Reads one response: status, headers and body."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        assert byte, f"closed after {head!r}"
        head += byte
    status, *lines = head.decode().strip().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    body = b""
    while len(body) < int(headers["content-length"]):
        part = connection.recv(65536)
        assert part
        body += part
    return int(status.split()[1]), headers, body


def ask(
    port: int, path: str = "/predict", body: object = None, headers: str = ""
) -> tuple[int, dict, object]:
    """Sends a POST with JSON, or a GET without; returns status, headers and the parsed JSON."""
    with connect(port) as connection:
        if body is None:
            connection.sendall(get(path, headers))
        else:
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            connection.sendall(request(raw, path, headers=headers))
        status, found, content = answer(connection)
    return status, found, json.loads(content) if "json" in found["content-type"] else content.decode()


def say(port: int, *parts: bytes) -> tuple[int, dict[str, str], Any]:
    """Sends exactly the given bytes; returns the first response, as `ask` does."""
    with connect(port) as connection:
        for part in parts:
            connection.sendall(part)
        status, found, content = answer(connection)
    return status, found, json.loads(content)


def elements(texts: list[bytes]) -> bytes:
    """A BYTES tensor of the Open Inference Protocol, written independently of the product."""
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def close_to(result: dict[str, Any]) -> dict[str, Any]:
    """Matches a result whose probabilities differ by a factor of 1e-5, because they depend on the batch."""
    probabilities = {name: pytest.approx(value, rel=1e-5) for name, value in result["probabilities"].items()}
    return {
        **result,
        "probability": pytest.approx(result["probability"], rel=1e-5),
        "probabilities": probabilities,
    }


def metric(port: int, name: str, labels: str = "") -> float:
    page = ask(port, "/metrics")[2]
    found = re.findall(rf"^keras_sentiment_{name}{re.escape(labels)} (\S+)$", page, re.MULTILINE)
    return float(found[0]) if found else 0.0


def wait_for(condition: Callable[[], object]) -> None:
    """Returns as soon as the condition is true; the time limit of the test ends it otherwise."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def error_of(result: tuple[int, dict[str, str], Any]) -> str:
    """The message of an error response."""
    status, headers, found = result
    assert 400 <= status < 600
    assert headers["content-type"] == "application/json"
    assert list(found) == ["error"]
    assert found["error"]
    return found["error"]
