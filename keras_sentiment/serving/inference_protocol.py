"""The Open Inference Protocol, version 2, over HTTP: what KServe, Triton and their clients speak.

With its extension for binary tensors: some tensors stand behind the JSON, whose length is then a header's.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Awaitable, Callable, Sequence
from importlib.metadata import version
from typing import Annotated, Any

import numpy as np
from fastapi import FastAPI, HTTPException, Request, Response
from pydantic import BaseModel, Field, StrictInt, ValidationError

HEADER_LENGTH = "Inference-Header-Content-Length"
MODEL_VERSION = "1"

Score = Callable[[list[str]], Awaitable[list[dict[str, Any]]]]


class InputTensor(BaseModel):
    """The one input: `text`, BYTES [n]."""

    name: str
    datatype: str
    shape: list[Annotated[StrictInt, Field(ge=0)]]
    parameters: dict[str, Any] = {}
    data: list[str] | None = None


class RequestedOutput(BaseModel):
    """An output that is asked for."""

    name: str
    parameters: dict[str, Any] = {}


class InferenceRequest(BaseModel):
    """What POST .../infer takes."""

    id: str | None = None
    parameters: dict[str, Any] = {}
    inputs: list[InputTensor]
    outputs: list[RequestedOutput] = []


def add_protocol(app: FastAPI, name: str, labels: Sequence[str], score: Score) -> None:
    """Adds the routes of the protocol for one model.

    Args:
        name: the model's.
        labels: names of its classes.
        score: gives a result of `Classifier.predict` for each text.
    """
    tensors = {
        "probabilities": {"name": "probabilities", "datatype": "FP32", "shape": [-1, len(labels)]},
        "label": {"name": "label", "datatype": "BYTES", "shape": [-1]},
    }

    async def server() -> dict[str, Any]:
        """What this server is."""
        extensions = ["binary_tensor_data"]
        return {"name": "keras-sentiment", "version": version("keras-sentiment"), "extensions": extensions}

    async def live() -> dict[str, bool]:
        """Whether the server runs."""
        return {"live": True}

    async def ready() -> dict[str, bool]:
        """Whether it can answer: it listens only after the model has been opened."""
        return {"ready": True}

    async def metadata(model_name: str) -> dict[str, Any]:
        """What the model takes and gives."""
        _require_model(model_name, name)
        return {
            "name": name,
            "versions": [MODEL_VERSION],
            "platform": "keras-sentiment",
            "inputs": [{"name": "text", "datatype": "BYTES", "shape": [-1]}],
            "outputs": list(tensors.values()),
        }

    async def model_ready(model_name: str) -> dict[str, Any]:
        """Whether the model can answer."""
        _require_model(model_name, name)
        return {"name": name, "ready": True}

    async def infer(model_name: str, request: Request) -> Response:
        """Labels texts."""
        _require_model(model_name, name)
        inference, texts = read(await request.body(), request.headers.get(HEADER_LENGTH))
        wanted = _wanted(inference, tensors)
        results = await score(texts)
        content, header_length = write(inference, wanted, name, results)
        if header_length is None:
            return Response(content, media_type="application/json")
        headers = {HEADER_LENGTH: str(header_length)}
        return Response(content, headers=headers, media_type="application/octet-stream")

    content = {"application/json": {"schema": _schema()}}
    body = {"requestBody": {"content": content, "required": True}}
    app.get("/v2")(server)
    app.get("/v2/health/live")(live)
    app.get("/v2/health/ready")(ready)
    for model in ("/v2/models/{model_name}", f"/v2/models/{{model_name}}/versions/{MODEL_VERSION}"):
        app.get(model)(metadata)
        app.get(f"{model}/ready")(model_ready)
        app.post(f"{model}/infer", openapi_extra=body)(infer)


def _schema() -> dict[str, Any]:
    """Returns the JSON schema of a request, whole: within OpenAPI its references would lead nowhere."""
    schema = InferenceRequest.model_json_schema()
    definitions = schema.pop("$defs")
    for name, part in (("inputs", "InputTensor"), ("outputs", "RequestedOutput")):
        schema["properties"][name]["items"] = definitions[part]
    return schema


def read(body: bytes, header_length: str | None) -> tuple[InferenceRequest, list[str]]:
    """Returns a request and its texts.

    Raises:
        HTTPException: 400, it's not one.
    """
    end = len(body) if header_length is None else _number(header_length, len(body))
    try:
        request = InferenceRequest.model_validate_json(body[:end])
    except ValidationError as error:
        raise wrong(explain_errors(error.errors(include_url=False, include_input=False))) from None
    if [(tensor.name, tensor.datatype) for tensor in request.inputs] != [("text", "BYTES")]:
        raise wrong("inputs: there must be one, text, whose datatype is BYTES")
    tensor, binary = request.inputs[0], body[end:]
    size = tensor.parameters.get("binary_data_size")
    if size is None and tensor.data is not None and not binary:
        texts = tensor.data
    elif size == len(binary) and type(size) is int and tensor.data is None and header_length is not None:
        texts = unpack(binary)
    else:
        raise wrong(
            f"text: give either data, or binary_data_size and so many bytes behind the JSON, whose length "
            f"is in the header {HEADER_LENGTH}"
        )
    if tensor.shape != [len(texts)]:
        raise wrong(f"text: its shape is {tensor.shape}, and it holds {len(texts)} elements")
    return request, texts


def write(
    request: InferenceRequest,
    wanted: Sequence[tuple[dict[str, Any], bool]],
    name: str,
    results: Sequence[dict[str, Any]],
) -> tuple[bytes, int | None]:
    """Returns the answer to a request, and the length of its JSON where tensors stand behind it.

    Args:
        wanted: the outputs, and whether each is binary.
        name: the model's.
        results: of the texts.
    """
    outputs, tails = [], []
    for tensor, binary in wanted:
        output = {**tensor, "shape": [len(results), *tensor["shape"][1:]]}
        if tensor["name"] == "label":
            labels = [result["label"] for result in results]
            data: Any = labels
            tail = pack(labels) if binary else b""
        else:
            rows = [list(result["probabilities"].values()) for result in results]
            values = np.asarray(rows, "<f4").ravel()
            data, tail = values.tolist(), values.tobytes()
        if binary:
            output["parameters"] = {"binary_data_size": len(tail)}
            tails.append(tail)
        else:
            output["data"] = data
        outputs.append(output)
    answer = {"model_name": name, "model_version": MODEL_VERSION, "outputs": outputs}
    if request.id is not None:
        answer["id"] = request.id
    head = json.dumps(answer, ensure_ascii=False).encode()
    return b"".join([head, *tails]), len(head) if tails else None


def unpack(binary: bytes) -> list[str]:
    """Returns the strings of a BYTES tensor: each has its length before it, four bytes, little-endian.

    Raises:
        HTTPException: 400, it ends within one, or one is not UTF-8.
    """
    texts, place = [], 0
    while place < len(binary):
        if len(binary) < place + 4:
            raise wrong("text: its bytes end within the length of an element")
        start = place + 4
        place = start + struct.unpack_from("<I", binary, place)[0]
        if len(binary) < place:
            raise wrong("text: its bytes end within an element")
        try:
            texts.append(binary[start:place].decode("utf-8"))
        except UnicodeDecodeError:
            raise wrong(f"text: element {len(texts)} is not UTF-8") from None
    return texts


def pack(texts: Sequence[str]) -> bytes:
    """Returns the BYTES tensor of strings."""
    parts = [text.encode() for text in texts]
    return b"".join(struct.pack("<I", len(part)) + part for part in parts)


def explain_errors(errors: Sequence[Any]) -> str:
    """Returns a line on what pydantic found, of its first three errors; it does not repeat the texts."""
    lines = [f"{'.'.join(map(str, error['loc'][:4])) or 'body'}: {error['msg']}" for error in errors[:3]]
    return "; ".join(line[:200] for line in lines)


def wrong(error: str) -> HTTPException:
    """Returns the error of a request that can't be understood."""
    return HTTPException(400, error)


def _require_model(asked: str, name: str) -> None:
    if asked != name:
        raise HTTPException(404, f"The only model here is {name}")


def _number(header_length: str, most: int) -> int:
    # So few digits: Python refuses to read some thousands.
    valid = header_length.isascii() and header_length.isdecimal() and len(header_length) < 20
    if not valid or int(header_length) > most:
        raise wrong(f"{HEADER_LENGTH} must be a number, at most the length of the body")
    return int(header_length)


def _wanted(
    request: InferenceRequest, tensors: dict[str, dict[str, Any]]
) -> list[tuple[dict[str, Any], bool]]:
    """Returns the outputs that are asked for, and whether each is to be binary."""
    asked = request.outputs or [RequestedOutput(name=name) for name in tensors]
    default = request.parameters.get("binary_data_output", False)
    wanted = []
    # Named again and again, an output would make a small request a huge answer.
    if len({output.name for output in asked}) < len(asked):
        raise wrong("outputs: each can be asked for once")
    for output in asked:
        if output.name not in tensors:
            raise wrong(f"outputs: there are {' and '.join(tensors)}")
        binary = output.parameters.get("binary_data", default)
        if not isinstance(binary, bool) or set(output.parameters) - {"binary_data"}:
            raise wrong(f"outputs: {output.name} knows no parameter but binary_data, true or false")
        wanted.append((tensors[output.name], binary))
    return wanted
