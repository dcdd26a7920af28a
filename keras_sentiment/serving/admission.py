"""What a server refuses before a request comes to its route: too large, or too many."""

from __future__ import annotations

import asyncio
import logging
import time

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from keras_sentiment.serving.config import ServingConfig
from keras_sentiment.serving.metrics import Metrics

CLIENT_LEFT = 499  # nginx's number for a client that did not wait for its answer

_log = logging.getLogger(__name__)


def refusal(status: int, error: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Returns an answer that says what is wrong, as every route says it."""
    # A message may name a key of the request, and that may hold what no UTF-8 can.
    return JSONResponse({"error": error.encode("utf-8", "replace").decode()}, status, headers)


def busy(error: str) -> JSONResponse:
    """Returns the refusal of a request that may be tried again."""
    return refusal(503, error, {"Retry-After": "1"})


class AdmissionMiddleware:
    """Middleware that reads a request's body within its limits, and counts and logs every request.

    A request whose client leaves is cancelled.
    """

    def __init__(self, app: ASGIApp, config: ServingConfig, meters: Metrics) -> None:
        self._app, self._config, self._meters = app, config, meters
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        began, status = time.perf_counter(), CLIENT_LEFT

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._admit(scope, receive, noted)
        except Exception:  # the error handler stands outside, and answers with 500
            status = 500
            raise
        finally:
            route, seconds = getattr(scope.get("route"), "path", "other"), time.perf_counter() - began
            self._meters.count_request(route, status, seconds)
            _log.info("%s %s %d %.3f s", scope["method"], route, status, seconds)

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        # A GET has no body that anybody reads, and health and metrics must answer a busy server's owner.
        if scope["method"] in ("GET", "HEAD"):
            return await self._app(scope, receive, send)
        if self._in_flight >= self._config.max_waiting:
            return await busy("Too many requests are in flight; try again")(scope, receive, send)
        self._in_flight += 1
        try:
            body = await self._read(scope, receive)
            if isinstance(body, JSONResponse):
                await body(scope, receive, send)
            elif body is not None:
                await self._answer(body, scope, receive, send)
        finally:
            self._in_flight -= 1

    async def _read(self, scope: Scope, receive: Receive) -> bytes | JSONResponse | None:
        """Returns the body, or why it's refused, or None where the client has left."""
        headers, most = dict(scope["headers"]), self._config.max_body_bytes
        if headers.get(b"content-encoding", b"identity") != b"identity":
            return refusal(415, "A compressed body is not read; send it without Content-Encoding")
        too_large = refusal(413, f"The body is larger than {most} bytes")
        if int(headers.get(b"content-length", b"0")) > most:
            return too_large
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > most:
                return too_large
            if not message.get("more_body", False):
                return bytes(body)

    async def _answer(self, body: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        left = asyncio.ensure_future(receive())  # after the body comes nothing but the client's leaving
        unread = [{"type": "http.request", "body": body, "more_body": False}]
        answered = False

        async def replay() -> Message:
            return unread.pop() if unread else await asyncio.shield(left)

        async def noted(message: Message) -> None:
            nonlocal answered
            await send(message)
            answered = message["type"] == "http.response.body" and not message.get("more_body", False)

        work = asyncio.ensure_future(self._app(scope, replay, noted))
        try:
            await asyncio.wait({work, left}, return_when=asyncio.FIRST_COMPLETED)
            if work.done() or answered:
                await work
        finally:
            for task in (work, left):
                task.cancel()
            await asyncio.wait({work, left})
