"""What a server refuses before a request comes to its route: not for it, too large, or too many."""

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

CLIENT_LEFT = 499  # nginx's number for a client that did not wait for its answer
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT")
# Bodies of full size that are held at a time, whole or in part; smaller ones may be more.
HELD_BODIES = 64
# A refusal takes so long, and as long as its body at so many bytes a second, up to a second: a client that
# sends one wrong request after another would else keep the server at reading them.
REFUSAL_SECONDS = 0.01
REFUSED_BYTES_PER_SECOND = 2 << 20
MAX_REFUSAL_SECONDS = 1.0

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

    Where room is short, a body that is still on its way gives way to one that comes later, the oldest
    first: clients that send half of it would else keep out those that send all. A request whose client
    leaves is cancelled.

    Args:
        app: what answers the requests that are admitted.
        config: the limits.
        access: whom the server answers.
        max_in_flight: int, most requests with a body at a time.
        meters: are told of every request.
        routes: of the application; a request that is refused here has not come to its route.
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
        self._reading: dict[asyncio.Task[Any], None] = {}  # the oldest first

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
        except Exception:  # the error handler stands outside, and answers with 500
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

        The path itself may hold what a client does not want in a log.
        """
        matching = (route for route in self._routes if route.matches(scope)[0] is not Match.NONE)
        return getattr(next(matching, None), "path", None)

    def _release(self, body: bytearray, scope: Scope) -> int:
        """Ends a request's being in flight, and holds its body no longer; returns the size of the body."""
        size = len(body)
        scope["state"][ADMITTED] = False
        self._in_flight.pop(id(body), None)
        self._held -= size
        body.clear()
        return size

    async def _admit(self, body: bytearray, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._access.check(scope)
            # A GET has no body that anybody reads, and health and metrics must answer a busy server's owner.
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
            raise Refusal(415, "A compressed body is not read; send it without Content-Encoding")
        if int(headers.get(b"content-length", b"0")) > most:
            raise Refusal(413, f"The body is larger than {most} bytes")

    async def _read(self, body: bytearray, receive: Receive) -> JSONResponse | Literal[False] | None:
        """Fills in the body; returns nothing, or why it's refused, or False where the client has left."""
        task = asyncio.ensure_future(self._receive_all(body, receive))
        self._reading[task] = None
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()  # where the server itself ends this request
            self._reading.pop(task, None)
        if task.cancelled():
            return busy("The body took its time, and others came; try again")
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
        """Gives up the body that has been on its way for longest, unless there is none but one's own."""
        others = (task for task in self._reading if not task.done() and task is not asyncio.current_task())
        oldest = next(others, None)
        if oldest is None:
            return False
        del self._reading[oldest]
        oldest.cancel()
        return True

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
