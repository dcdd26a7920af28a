"""The web application of one model: its routes and its page."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import AfterValidator, BaseModel, ConfigDict
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import Request

from keras_sentiment.inference.classifier import Classifier
from keras_sentiment.inference.occlusion import spans, without, word_contributions
from keras_sentiment.serving.admission import AdmissionMiddleware, busy, refusal
from keras_sentiment.serving.config import ServingConfig
from keras_sentiment.serving.dynamic_batching import DynamicBatcher, FullError
from keras_sentiment.serving.inference_protocol import add_protocol, explain_errors
from keras_sentiment.serving.metrics import CONTENT_TYPE, Metrics

_log = logging.getLogger(__name__)


def _check_text(text: str) -> str:
    """Refuses lone surrogates, which JSON can write and no answer could repeat."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("it holds a surrogate without its other half") from None
    return text


Text = Annotated[str, AfterValidator(_check_text)]


class PredictRequest(BaseModel):
    """A text, or several."""

    model_config = ConfigDict(extra="forbid")
    text: Text | list[Text]


class Prediction(BaseModel):
    """The label of a text."""

    label: str
    probability: float
    probabilities: dict[str, float]
    truncated: bool


class ExplainRequest(BaseModel):
    """A text."""

    model_config = ConfigDict(extra="forbid")
    text: Text


class Word(BaseModel):
    """A part of the text, its place counted in characters, and what it adds to the label's log-odds."""

    text: str
    start: int
    end: int
    contribution: float


class Explanation(Prediction):
    """The label of a text, and the words that carry it."""

    words: list[Word]


class Problem(BaseModel):
    """Why there is no answer."""

    error: str


def make_app(classifier: Classifier, name: str, config: ServingConfig) -> FastAPI:
    """Returns the application that serves a classifier.

    Args:
        classifier: of an artifact.
        name: what the Open Inference Protocol calls the model.
    """
    meters = Metrics()
    batcher = DynamicBatcher(classifier, config.max_waiting, meters.count_batch)
    meters.follow(lambda: batcher.waiting)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        batcher.close()

    problems: dict[int | str, dict[str, Any]] = {"4XX": {"model": Problem}, "5XX": {"model": Problem}}
    # FastAPI's own pages of documentation load scripts from another host.
    app = FastAPI(
        title="keras-sentiment",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=problems,
    )
    app.add_middleware(AdmissionMiddleware, config=config, meters=meters)
    app.add_exception_handler(StarletteHTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(FullError, lambda *_: busy("Too many texts wait for the model; try again"))
    app.add_exception_handler(Exception, lambda *_: refusal(500, "The server has failed; its log says why"))

    async def score(texts: list[str]) -> list[dict[str, Any]]:
        if len(texts) > config.max_texts:
            raise HTTPException(422, f"text: {len(texts)} texts are more than {config.max_texts}")
        _log_texts(texts, config)
        return await batcher.predict(texts)

    @app.post("/predict", response_model=Prediction | list[Prediction])
    async def predict(request: PredictRequest) -> Response:
        """Labels a text, or each of several, in order."""
        several = isinstance(request.text, list)
        results = await score(request.text if isinstance(request.text, list) else [request.text])
        return JSONResponse(results if several else results[0])

    @app.post("/explain", response_model=Explanation)
    async def explain(request: ExplainRequest) -> Response:
        """Labels a text and says which of its words carry the label."""
        parts = spans(request.text)
        # All that is scored may be as long as what a request could bring.
        if len(request.text) * (len(parts) + 1) > config.max_body_bytes:
            most = config.max_body_bytes // (len(parts) + 1)
            raise HTTPException(422, f"text: it is longer than the {most} characters that can be explained")
        _log_texts([request.text], config)
        results = await batcher.predict([request.text, *without(request.text, parts)])
        return JSONResponse(word_contributions(request.text, parts, results))

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(meters.page(), headers={"Content-Type": CONTENT_TYPE})

    page, policy = _page()

    @app.get("/", include_in_schema=False)
    async def index() -> Response:
        return HTMLResponse(page, headers={"Content-Security-Policy": policy})

    add_protocol(app, name, classifier.labels, score)
    return app


def _page() -> tuple[str, str]:
    """Returns the page and the policy under which a browser runs its own script and style and no other."""
    page = files("keras_sentiment.serving").joinpath("page.html").read_text("utf-8")
    hashes = {}
    for element in ("script", "style"):
        content = re.findall(f"<{element}>(.*?)</{element}>", page, re.DOTALL)[0]
        hashes[element] = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{hashes['script']}'; style-src 'sha256-{hashes['style']}'; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return page, policy


def _log_texts(texts: list[str], config: ServingConfig) -> None:
    if config.log_texts:
        for text in texts:
            _log.info("text %s", json.dumps(text))


def _http_error(request: Request, error: Any) -> JSONResponse:
    return refusal(error.status_code, str(error.detail), dict(error.headers or {}))


def _validation_error(request: Request, error: Any) -> JSONResponse:
    if isinstance(error.body, bytes):
        return refusal(415, "Send JSON, and say so: Content-Type: application/json")
    return refusal(422, explain_errors([{**found, "loc": found["loc"][1:]} for found in error.errors()]))
