"""The checks before a request comes to its route: its headers, its size, and how many requests there are."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any, Literal

from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from keras_sentiment.serving.access import Access, Refusal
from keras_sentiment.serving.config import ServingConfig
from keras_sentiment.serving.http_protocol import ADMITTED, REFUSED
from keras_sentiment.serving.metrics import Metrics

CLIENT_LEFT = 499  # nginx's status for a client that closed its connection before the answer
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT")
# Bodies of the largest size that are in memory at a time, complete or not. Of smaller ones there may be more.
HELD_BODIES = 64
# A refusal waits 0.01 s and the time of its body at 2 MB a second, 1 s at most. Otherwise a client that sends
# one wrong request after another would keep the server busy with reading them.
REFUSAL_SECONDS = 0.01
REFUSED_BYTES_PER_SECOND = 2 << 20
MAX_REFUSAL_SECONDS = 1.0

_log = logging.getLogger(__name__)


def refusal(status: int, error: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Returns an error response, which has the same form on every route."""
    # A message may quote a JSON key of the request, which may have surrogates that UTF-8 can't encode.
    return JSONResponse({"error": error.encode("utf-8", "replace").decode()}, status, headers)


def busy(error: str) -> JSONResponse:
    """Returns the refusal of a request that the client may send again a second later."""
    return refusal(503, error, {"Retry-After": "1"})


class AdmissionMiddleware:
    """Middleware that reads a request's body within its limits, and counts and logs every request.

    When too many bodies are held, the one that has been incomplete for longest is refused. Otherwise clients
    that send half a body would keep out those that send all of it. A request whose client closes the
    connection is cancelled.

    Args:
        app: the application that answers admitted requests.
        config: the limits.
        access: the check of the headers.
        max_in_flight: int, most requests with a body at a time.
        meters: count every request.
        routes: of the application, for the log: a refused request has not come to its route.
    """

    def __init__(
        self,
        app: ASGIApp,
        config: ServingConfig,
        access: Access,
        max_in_flight: int,
        meters: Metrics,
        routes: Sequence[BaseRoute],
    ) -> None:
        self._app, self._config, self._access, self._meters = app, config, access, meters
        self._routes = routes
        self._max_in_flight, self._max_held = max_in_flight, HELD_BODIES * config.max_body_bytes
        self._held = 0
        self._in_flight: dict[int, bytearray] = {}  # bodies by their identity
        self._reading: dict[asyncio.Task[Any], None] = {}  # oldest first

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        began, status, body = time.perf_counter(), CLIENT_LEFT, bytearray()

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                if 400 <= message["status"] < 500:
                    waits = REFUSAL_SECONDS + self._release(body, scope) / REFUSED_BYTES_PER_SECOND
                    await asyncio.sleep(min(waits, MAX_REFUSAL_SECONDS))
                status = message["status"]
            await send(message)

        try:
            await self._admit(body, scope, receive, noted)
        except Exception:  # the error handler outside this middleware answers with 500
            status = 500
            raise
        finally:
            if status == CLIENT_LEFT:
                status = scope["state"].get(REFUSED, status)
            route, seconds = self._route(scope), time.perf_counter() - began
            method = scope["method"] if scope["method"] in METHODS else "(unknown method)"
            self._meters.count_request(route or "other", status, seconds)
            _log.info("%s %s %d %.3f s", method, route or "(unknown path)", status, seconds)

    def _route(self, scope: Scope) -> str | None:
        """Returns the template of a request's path, such as `/v2/models/{model_name}`; None if there is none.

        The path itself is not logged, since it may contain private data of the client.
        """
        matching = (route for route in self._routes if route.matches(scope)[0] is not Match.NONE)
        return getattr(next(matching, None), "path", None)

    def _release(self, body: bytearray, scope: Scope) -> int:
        """Removes a request from those in flight, frees its body, and returns the size of the body."""
        size = len(body)
        scope["state"][ADMITTED] = False
        self._in_flight.pop(id(body), None)
        self._held -= size
        body.clear()
        return size

    async def _admit(self, body: bytearray, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._access.check(scope)
            # A GET has no body to read, and a busy server must still answer for health and metrics.
            if scope["method"] in ("GET", "HEAD"):
                return await self._app(scope, receive, send)
            self._check_headers(scope)
        except Refusal as error:
            return await refusal(error.status, error.error, error.headers)(scope, receive, send)
        if len(self._in_flight) >= self._max_in_flight and not self._make_room():
            return await busy("Too many requests are in flight; try again")(scope, receive, send)
        self._in_flight[id(body)] = body
        try:
            problem = await self._read(body, receive)
            if problem is None:
                scope["state"][ADMITTED] = True
                await self._answer(bytes(body), scope, receive, send)
            elif problem is not False:
                await problem(scope, receive, send)
        finally:
            self._release(body, scope)

    def _check_headers(self, scope: Scope) -> None:
        headers, most = dict(scope["headers"]), self._config.max_body_bytes
        if headers.get(b"content-encoding", b"identity") != b"identity":
            raise Refusal(415, "Compressed bodies are not accepted; send the body without Content-Encoding")
        if int(headers.get(b"content-length", b"0")) > most:
            raise Refusal(413, f"The body is larger than {most} bytes")

    async def _read(self, body: bytearray, receive: Receive) -> JSONResponse | Literal[False] | None:
        """Reads the body; returns None, or the refusal, or False if the client has closed the connection."""
        task = asyncio.ensure_future(self._receive_all(body, receive))
        self._reading[task] = None
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()  # if the server ends this request
            self._reading.pop(task, None)
        if task.cancelled():
            return busy("The body did not come in time, and the server needed its place; try again")
        return task.result()

    async def _receive_all(self, body: bytearray, receive: Receive) -> JSONResponse | Literal[False] | None:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return False
            part = message.get("body", b"")
            if len(body) + len(part) > self._config.max_body_bytes:
                return refusal(413, f"The body is larger than {self._config.max_body_bytes} bytes")
            if self._held + len(part) > self._max_held and not self._make_room():
                return busy("Too many bodies are held; try again")
            body += part
            self._held += len(part)
            if not message.get("more_body", False):
                return None

    def _make_room(self) -> bool:
        """Refuses the body that has been incomplete for longest; returns False if no other is incomplete."""
        others = (task for task in self._reading if not task.done() and task is not asyncio.current_task())
        oldest = next(others, None)
        if oldest is None:
            return False
        del self._reading[oldest]
        oldest.cancel()
        return True

    async def _answer(self, body: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        left = asyncio.ensure_future(receive())  # after the body only the end of the connection can come
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
