"""The Open Inference Protocol, version 2, over HTTP, which KServe, Triton and their clients use."""

from __future__ import annotations

import json
import struct
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Annotated, Any

import numpy as np
from fastapi import FastAPI, HTTPException, Request, Response
from pydantic import BaseModel, Field, StrictInt

from keras_sentiment.serving.inference_request import HEADER_LENGTH, InferenceRequest, read

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
    """A requested output."""

    name: str
    parameters: dict[str, Any] = {}


class Inference(BaseModel):
    """The body of POST .../infer."""

    id: str | None = None
    parameters: dict[str, Any] = {}
    inputs: list[InputTensor]
    outputs: list[RequestedOutput] = []


def add_protocol(app: FastAPI, name: str, labels: Sequence[str], score: Score, max_texts: int) -> None:
    """Adds the routes of the protocol for one model.

    Args:
        name: of the model.
        labels: names of its classes.
        score: returns a result of `Classifier.predict` for each text.
        max_texts: int, most texts of a request.
    """
    tensors = {
        "probabilities": {"name": "probabilities", "datatype": "FP32", "shape": [-1, len(labels)]},
        "label": {"name": "label", "datatype": "BYTES", "shape": [-1]},
    }

    async def server() -> dict[str, Any]:
        """The name, version and extensions of this server."""
        extensions = ["binary_tensor_data"]
        return {"name": "keras-sentiment", "version": version("keras-sentiment"), "extensions": extensions}

    async def live() -> dict[str, bool]:
        """Whether the server runs."""
        return {"live": True}

    async def ready() -> dict[str, bool]:
        """Whether the server can answer. It listens only after the model is loaded."""
        return {"ready": True}

    async def metadata(model_name: str) -> dict[str, Any]:
        """The inputs and outputs of the model."""
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
        asked = read(await request.body(), request.headers.get(HEADER_LENGTH), max_texts, list(tensors))
        content, header_length = write(asked, tensors, name, await score(asked.texts))
        if header_length is None:
            return Response(content, media_type="application/json")
        headers = {HEADER_LENGTH: str(header_length)}
        return Response(content, headers=headers, media_type="application/octet-stream")

    content = {"application/json": {"schema": _schema()}}
    body = {"requestBody": {"content": content, "required": True}}
    app.get("/v2")(server)
    for path, health in (("/v2/health/live", live), ("/v2/health/ready", ready)):
        app.get(path)(health)
        app.head(path, include_in_schema=False)(health)
    for model in ("/v2/models/{model_name}", f"/v2/models/{{model_name}}/versions/{MODEL_VERSION}"):
        app.get(model)(metadata)
        app.get(f"{model}/ready")(model_ready)
        app.post(f"{model}/infer", openapi_extra=body)(infer)


def _schema() -> dict[str, Any]:
    """Returns the JSON schema of a request without references, which would be broken within OpenAPI."""
    schema = Inference.model_json_schema()
    definitions = schema.pop("$defs")
    for name, part in (("inputs", "InputTensor"), ("outputs", "RequestedOutput")):
        schema["properties"][name]["items"] = definitions[part]
    return schema


def write(
    request: InferenceRequest,
    tensors: Mapping[str, dict[str, Any]],
    name: str,
    results: Sequence[dict[str, Any]],
) -> tuple[bytes, int | None]:
    """Returns the answer to a request, and the length of its JSON if binary tensors follow it, else None.

    Args:
        tensors: the metadata of each output, by name.
        name: of the model.
        results: of the texts.
    """
    outputs, tails = [], []
    for asked, binary in request.outputs:
        tensor = tensors[asked]
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


def pack(texts: Sequence[str]) -> bytes:
    """Returns the BYTES tensor of strings."""
    parts = [text.encode() for text in texts]
    return b"".join(struct.pack("<I", len(part)) + part for part in parts)


def _require_model(asked: str, name: str) -> None:
    if asked != name:
        raise HTTPException(404, f"This server has one model, {name}")
