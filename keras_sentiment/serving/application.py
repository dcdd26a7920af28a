"""The web application of one model: its routes and its page."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import Request

from keras_sentiment.inference.classifier import Classifier
from keras_sentiment.inference.occlusion import spans, unread_span, without, word_contributions
from keras_sentiment.serving.access import Access
from keras_sentiment.serving.admission import AdmissionMiddleware, busy, refusal
from keras_sentiment.serving.bodies import BodyError, TooManyTextsError, read_text, read_texts
from keras_sentiment.serving.config import ServingConfig
from keras_sentiment.serving.descriptors import connection_limit
from keras_sentiment.serving.dynamic_batching import DynamicBatcher, FullError
from keras_sentiment.serving.inference_protocol import add_protocol
from keras_sentiment.serving.metrics import CONTENT_TYPE, Metrics
from keras_sentiment.serving.page import read_page
from keras_sentiment.serving.schemas import (
    DescribedApi,
    Explanation,
    Prediction,
    Problem,
    explain_body,
    how_chosen,
    max_explained,
    predict_body,
)

_log = logging.getLogger(__name__)


def make_app(
    classifier: Classifier,
    name: str,
    config: ServingConfig,
    keys: Sequence[bytes] = (),
    address: str | None = None,
) -> FastAPI:
    """Returns the application that serves a classifier.

    Args:
        classifier: of an artifact.
        name: of the model in the Open Inference Protocol.
        config: the limits and the allowed names.
        keys: the API keys; a request must have one of them. Empty: no key is needed.
        address: the address on which the server listens; None: the same as `config.host`.
    """
    meters = Metrics()
    batcher = DynamicBatcher(classifier, config.max_waiting, meters.count_batch)
    meters.follow(lambda: batcher.waiting)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        batcher.close()

    problems: dict[int | str, dict[str, Any]] = {"4XX": {"model": Problem}, "5XX": {"model": Problem}}
    # FastAPI's documentation pages load scripts from another host.
    app = DescribedApi(
        keyed=bool(keys),
        title="keras-sentiment",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=problems,
    )
    access = Access(config.host, config.allowed_hosts, keys, address)
    # Some connections stay free, so that health routes answer however many requests there are.
    most = min(config.max_waiting, connection_limit(config.max_connections) * 3 // 4)
    app.add_middleware(
        AdmissionMiddleware,
        config=config,
        access=access,
        max_in_flight=most,
        meters=meters,
        routes=app.routes,
    )
    app.add_exception_handler(StarletteHTTPException, _http_error)
    app.add_exception_handler(BodyError, _body_error)
    app.add_exception_handler(FullError, lambda *_: busy("Too many texts are waiting; try again"))
    app.add_exception_handler(Exception, lambda *_: refusal(500, "The server has failed; see its log"))

    async def score(texts: list[str]) -> list[dict[str, Any]]:
        _log_texts(texts, config)
        return await batcher.predict(texts)

    @app.post("/predict", response_model=Prediction | list[Prediction], openapi_extra=predict_body(config))
    async def predict(request: Request) -> Response:
        """Labels one text, or each text of a list, in order."""
        asked = read_texts(await request.body(), config.max_texts)
        several = isinstance(asked, list)
        results = await score(asked if isinstance(asked, list) else [asked])
        return JSONResponse(results if several else results[0])

    most_explained, chosen = max_explained(config), how_chosen(classifier.decision)

    @app.post("/explain", response_model=Explanation, openapi_extra=explain_body(config))
    async def explain(request: Request) -> Response:
        """Labels a text and returns the words that the label depends on."""
        text = read_text(await request.body())
        if len(text) > most_explained:
            raise BodyError(f"text: it has more than the {most_explained} characters that can be explained")
        _log_texts([text], config)
        # In a thread, since a long text takes 20 ms, in which other clients would wait.
        unread = await asyncio.to_thread(unread_span, text, classifier.tokenizer, classifier.inputs)
        parts = spans(text, unread)
        results = await batcher.predict([text, *without(text, parts)])
        return JSONResponse({**word_contributions(text, parts, results, unread), **chosen})

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(meters.page(), headers={"Content-Type": CONTENT_TYPE})

    page, policy = read_page()

    @app.get("/", include_in_schema=False)
    async def index() -> Response:
        return HTMLResponse(page, headers={"Content-Security-Policy": policy})

    app.head("/", include_in_schema=False)(index)
    add_protocol(app, name, classifier.labels, score, config.max_texts)
    return app


def _log_texts(texts: list[str], config: ServingConfig) -> None:
    if config.log_texts:
        for text in texts:
            _log.info("text %s", json.dumps(text), extra={"wanted": True})


def _http_error(request: Request, error: Any) -> JSONResponse:
    return refusal(error.status_code, str(error.detail), dict(error.headers or {}))


def _body_error(request: Request, error: Any) -> JSONResponse:
    # The Open Inference Protocol answers invalid requests with 400.
    wrong = request.url.path.startswith("/v2/") and not isinstance(error, TooManyTextsError)
    return refusal(400 if wrong else 422, str(error))
