"""A request of the Open Inference Protocol: its values are counted, then it is read up to the first error.

The extension for binary tensors is supported: tensors follow the JSON, whose length is in a header.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from keras_sentiment.serving.bodies import BodyError, read_object, require_count, strings

HEADER_LENGTH = "Inference-Header-Content-Length"


@dataclass(frozen=True)
class InferenceRequest:
    """A request for inference.

    Args:
        id: repeated in the answer, or None.
        texts: of the one input.
        outputs: the name of each requested output, and whether it is returned as a binary tensor.
    """

    id: str | None
    texts: list[str]
    outputs: list[tuple[str, bool]]


def read(body: bytes, header_length: str | None, max_texts: int, outputs: Sequence[str]) -> InferenceRequest:
    """Returns a request.

    Args:
        body: JSON, and after it a binary tensor if there is the header.
        header_length: the value of the header, or None.
        max_texts: int, most texts of a request.
        outputs: the names of the model's outputs.

    Raises:
        TooManyTextsError: there are more texts than `max_texts`; they are not checked then.
        BodyError: the request is not valid.
    """
    end = len(body) if header_length is None else _number(header_length, len(body))
    found = read_object(body[:end], max_texts)
    name = found.get("id")
    if name is not None:
        if not isinstance(name, str):
            raise BodyError("id: give a string")
        strings("id", [name])
    binary = None if header_length is None else body[end:]
    texts = _texts(_tensor(found), binary, max_texts)
    return InferenceRequest(name, texts, _outputs(found, outputs))


def _tensor(found: dict[str, Any]) -> dict[str, Any]:
    inputs = found.get("inputs")
    if not isinstance(inputs, list):
        raise BodyError("inputs: give a list of one object")
    if len(inputs) == 1 and isinstance(inputs[0], dict):
        tensor: dict[str, Any] = inputs[0]
        if (tensor.get("name"), tensor.get("datatype")) == ("text", "BYTES"):
            return tensor
    raise BodyError("inputs: give one input, with the name text and the datatype BYTES")


def _texts(tensor: dict[str, Any], binary: bytes | None, max_texts: int) -> list[str]:
    shape, data = tensor.get("shape"), tensor.get("data")
    if not isinstance(shape, list) or len(shape) != 1 or type(shape[0]) is not int or shape[0] < 0:
        raise BodyError("text: its shape must be [n], the number of its elements")
    require_count("text", shape[0], max_texts)
    size = _parameters("text", tensor).get("binary_data_size")
    if size is None and isinstance(data, list) and not binary:
        require_count("text", len(data), max_texts)
        texts = data
    elif binary is not None and type(size) is int and size == len(binary) and data is None:
        texts = unpack(binary, shape[0])
    else:
        raise BodyError(
            "text: give either data, a list of strings, or binary_data_size and so many bytes after the "
            f"JSON, whose length is in the header {HEADER_LENGTH}"
        )
    if shape[0] != len(texts):
        raise BodyError(f"text: its shape is {shape}, but it has {len(texts)} elements")
    return strings("text", texts)


def unpack(binary: bytes, count: int) -> list[str]:
    """Returns the strings of a BYTES tensor. Each follows its length in four bytes, little-endian.

    Args:
        count: int, the number of elements.

    Raises:
        BodyError: there are more elements, the last one is incomplete, or one is not UTF-8.
    """
    texts: list[str] = []
    place = 0
    while place < len(binary):
        if len(texts) == count:
            raise BodyError(f"text: its shape is [{count}], but it has more elements")
        if len(binary) < place + 4:
            raise BodyError("text: its bytes end within the length of an element")
        start = place + 4
        place = start + struct.unpack_from("<I", binary, place)[0]
        if len(binary) < place:
            raise BodyError("text: its bytes end within an element")
        try:
            texts.append(binary[start:place].decode("utf-8"))
        except UnicodeDecodeError:
            raise BodyError(f"text: element {len(texts)} is not UTF-8") from None
    return texts


def _outputs(found: dict[str, Any], names: Sequence[str]) -> list[tuple[str, bool]]:
    """Returns the requested outputs, and whether each is returned as a binary tensor."""
    default = _parameters("the request", found).get("binary_data_output", False)
    asked = found.get("outputs", [])
    if not isinstance(asked, list):
        raise BodyError("outputs: give a list of objects")
    wanted: dict[str, bool] = {}
    for output in asked or [{"name": name} for name in names]:
        name: Any = output.get("name") if isinstance(output, dict) else None
        if name not in names:
            raise BodyError(f"outputs: the model has {' and '.join(names)}")
        # An output that is requested many times would make a huge answer.
        if name in wanted:
            raise BodyError("outputs: request each output once")
        parameters = _parameters(f"outputs: {name}", output)
        binary = parameters.get("binary_data", default)
        if not isinstance(binary, bool) or set(parameters) - {"binary_data"}:
            raise BodyError(f"outputs: {name} has one parameter, binary_data, which is true or false")
        wanted[name] = binary
    return list(wanted.items())


def _parameters(owner: str, found: dict[str, Any]) -> dict[str, Any]:
    parameters = found.get("parameters", {})
    if not isinstance(parameters, dict):
        raise BodyError(f"{owner}: its parameters must be an object")
    return parameters


def _number(header_length: str, most: int) -> int:
    # Python refuses to convert thousands of digits.
    valid = header_length.isascii() and header_length.isdecimal() and len(header_length) < 20
    if not valid or int(header_length) > most:
        raise BodyError(f"{HEADER_LENGTH} must be a number and at most the length of the body")
    return int(header_length)
