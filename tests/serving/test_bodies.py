"""The JSON of a request: what is counted, where reading ends, and what a mistake is told."""

import json
import tracemalloc
import types

import numpy as np
import pytest

from helpers.requests import INFER
from helpers.served import ask, elements, error_of, make_classifier, serving
from keras_sentiment.serving import bodies
from keras_sentiment.serving.bodies import BodyError, TooManyTextsError, read_object, read_text, read_texts
from keras_sentiment.serving.inference_request import read, unpack

pytestmark = pytest.mark.once
SIZE = 1 << 20


def filled(head: str, unit: str, tail: str) -> bytes:
    """A body of a megabyte that repeats a unit."""
    return (head + unit * ((SIZE - len(head) - len(tail)) // len(unit)) + tail).encode()


TENSOR = '"name":"text","datatype":"BYTES"'
AMPLIFIED = {
    "numbers": filled('{"text":[', "1,", "1]}"),
    "objects": filled('{"text":[', "{},", "1]}"),
    "empty texts": filled('{"text":[', '"",', '""]}'),
    "surrogates": filled('{"text":[', '"\\ud800",', '""]}'),
    "keys": ('{"text":"a"' + "".join(f',"{i:x}":1' for i in range(90_000)) + "}").encode(),
    "lists": filled('{"text":[', "[[]],", "1]}"),
    "deep": b"[" * SIZE,
    "deep objects": b'{"a":' * (SIZE // 5),
    "after a text": filled('{"a":"' + "a" * 900_000 + '","text":[', "{},", "1]}"),
    "behind escapes": filled('{"a":"' + '\\"\\\\' * 1000 + '","text":[', "[],", "1]}"),
    "inputs": filled('{"inputs":[', "{},", "{}]}"),
    "data": filled(f'{{"inputs":[{{{TENSOR},"shape":[1],"data":[', "1,", "1]}]}"),
    "shape": filled(f'{{"inputs":[{{{TENSOR},"data":["a"],"shape":[', "-1,", "1]}]}"),
    "outputs": filled('{"inputs":[],"outputs":[', "{},", "1]}"),
    "parameters": filled('{"inputs":[],"parameters":{"a":[', "[],", "1]}}"),
}


def replace_reader(monkeypatch, loads):
    """Puts a function into the place of `json.loads`, for the server alone."""
    reader = types.SimpleNamespace(
        loads=lambda text, **kwargs: loads(text), JSONDecodeError=json.JSONDecodeError
    )
    monkeypatch.setattr(bodies, "json", reader)


@pytest.mark.parametrize("path", ["/predict", "/explain", INFER])
@pytest.mark.parametrize("body", AMPLIFIED.values(), ids=AMPLIFIED)
def test_a_body_of_many_values_is_never_read(engine, port, path, body, monkeypatch):
    read = []
    replace_reader(monkeypatch, read.append)
    result = ask(port, path, body)
    assert result[0] == 422
    assert "texts" in error_of(result)
    assert not read
    assert not engine.shapes


@pytest.mark.parametrize("body", AMPLIFIED.values(), ids=AMPLIFIED)
def test_counting_takes_hardly_more_memory_than_the_body(body):
    tracemalloc.start()
    with pytest.raises(TooManyTextsError):
        read_object(body, 256)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * SIZE


def made(rng, depth):
    kind = rng.integers(5) if depth else rng.integers(2)
    if kind < 2:
        return ['a"b\\', ",,[{", '\\\\"', "", "x" * 9, 1, None, [], {}][rng.integers(9)]
    if kind == 2:
        return {f'{{"{i}\\': made(rng, depth - 1) for i in range(rng.integers(5))}
    return [made(rng, depth - 1) for _ in range(rng.integers(5))]


def marks(value) -> int:
    """The commas and brackets of a value, strings apart."""
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return 1 + max(0, len(value) - 1) + sum(map(marks, inner))
    return 0


@pytest.mark.parametrize("part", [1, 2, 3, 7, bodies.COUNTED_BYTES])
def test_the_count_is_that_of_the_json_wherever_it_is_cut(part, monkeypatch):
    monkeypatch.setattr(bodies, "COUNTED_BYTES", part)
    rng = np.random.default_rng(part)
    for _ in range(100):
        value = made(rng, 4)
        assert bodies._values(json.dumps(value).encode(), 10**6) == marks(value)


def test_what_a_request_needs_is_within_the_count():
    """As many texts as there may be, of nothing but what JSON is made of."""
    texts = [',{["\\' * 500] * 256
    assert read_texts(json.dumps({"text": texts}).encode(), 256) == texts
    tensor = {"name": "text", "datatype": "BYTES", "shape": [256], "data": texts, "parameters": {}}
    body = {"id": "a", "parameters": {str(i): {} for i in range(300)}, "inputs": [tensor]}
    assert read(json.dumps(body).encode(), None, 256, ["label"]).texts == texts


class Watched(list):
    """A list that tells how many of its elements were looked at."""

    seen = 0

    def __iter__(self):
        for element in super().__iter__():
            self.seen += 1
            yield element


def test_the_first_error_ends_validation(monkeypatch):
    texts = Watched(["good", 1, *["good"] * 200])
    replace_reader(monkeypatch, lambda text: {"text": texts})
    with pytest.raises(BodyError, match="element 1 is not a string"):
        read_texts(b"{}", 256)
    assert texts.seen == 2


def test_the_number_of_texts_comes_before_the_texts(monkeypatch):
    texts = Watched([1] * 257)
    tensor = {"name": "text", "datatype": "BYTES", "shape": [257], "data": texts}
    for found in ({"text": texts}, {"inputs": [tensor]}, {"inputs": [{**tensor, "shape": [1]}]}):
        replace_reader(monkeypatch, lambda text, found=found: found)
        reader = read_texts if "text" in found else lambda body, most: read(body, None, most, ["label"])
        with pytest.raises(TooManyTextsError, match="257 texts are more than 256"):
            reader(b"{}", 256)
    assert texts.seen == 0


def test_a_binary_tensor_is_read_up_to_its_shape():
    with pytest.raises(BodyError, match="more elements"):
        unpack(elements([b"good"]) + b"\xff" * 7, 1)
    head = json.dumps(
        {
            "inputs": [
                {
                    "name": "text",
                    "datatype": "BYTES",
                    "shape": [10**30],
                    "parameters": {"binary_data_size": 8},
                }
            ]
        }
    ).encode()
    with pytest.raises(TooManyTextsError):
        read(head + bytes(8), str(len(head)), 256, ["label"])


STRINGS = "text: give a string or a list of strings"
NOT_JSON = "the body is not JSON; the error is at character"
SAID = [
    (b'{"text": null}', STRINGS, "text: give a string"),
    (b'{"text": 5}', STRINGS, "text: give a string"),
    (b'{"text": {}}', STRINGS, "text: give a string"),
    (b'{"text": [1]}', "text is not a string", "text: give a string"),
    (b'{"text": ["a", null]}', "text: element 1 is not a string", "text: give a string"),
    (b'{"text": "caf\xe9"}', "the body is not UTF-8", "the body is not UTF-8"),
    (b'{"text": "a', f"{NOT_JSON} 10", f"{NOT_JSON} 10"),
    (b"", f"{NOT_JSON} 1", f"{NOT_JSON} 1"),
    (b"\xef\xbb\xbf{}", NOT_JSON, NOT_JSON),
    (b"[]", "give a JSON object", "give a JSON object"),
    (b"{}", 'give {"text": …}', 'give {"text": …}'),
    (b'{"text": "a", "b": 1}', "and nothing else", "and nothing else"),
    (b'{"text": NaN}', "a number that can't be read", "a number that can't be read"),
    (b'{"text": ' + b"1" * 5000 + b"}", "a number that can't be read", "a number that can't be read"),
    (b'{"text": "\\ud800"}', "half of a surrogate pair", "half of a surrogate pair"),
]


@pytest.mark.parametrize(("body", "predict", "explain"), SAID, ids=[str(body)[:30] for body, *_ in SAID])
def test_a_mistake_is_told_in_words(body, predict, explain):
    for reader, said in ((lambda: read_texts(body, 9), predict), (lambda: read_text(body), explain)):
        with pytest.raises(BodyError) as error:
            reader()
        assert said in str(error.value)
        assert not isinstance(error.value, TooManyTextsError)


def test_deep_nesting_is_told_however_many_texts_there_may_be():
    with pytest.raises(BodyError, match="too deeply"):
        read_object(b"[" * 100_000, 200_000)


def test_no_answer_speaks_of_the_librarys_insides(port):
    for path in ("/predict", "/explain", INFER):
        for body, *_ in SAID:
            error = error_of(ask(port, path, body)).lower()
            for word in (
                "input should",
                "pydantic",
                "function-after",
                "json decode",
                "parsing",
                "valid",
                "list[",
            ):
                assert word not in error


def test_as_many_texts_as_the_owner_allows():
    with serving(make_classifier(), max_texts=5000, max_waiting=5000) as port:
        assert len(ask(port, body={"text": ["good"] * 5000})[2]) == 5000
