"""What a server refuses before a request comes to its route: too large, too many, too slow."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Any

import h11
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from keras_sentiment.serving.config import ServingConfig
from keras_sentiment.serving.metrics import Meters

CLIENT_LEFT = 499  # nginx's number for a client that did not wait for its answer

_log = logging.getLogger(__name__)


def refusal(status: int, error: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Returns an answer that says what is wrong, as every route says it."""
    # A message may name a key of the request, and that may hold what no UTF-8 can.
    return JSONResponse({"error": error.encode("utf-8", "replace").decode()}, status, headers)


def busy(error: str) -> JSONResponse:
    """Returns the refusal of a request that may be tried again."""
    return refusal(503, error, {"Retry-After": "1"})


class Limits:
    """Middleware that reads a request's body within its limits, and counts and logs every request.

    A request whose client leaves is cancelled.
    """

    def __init__(self, app: ASGIApp, config: ServingConfig, meters: Meters) -> None:
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


class PatientProtocol(H11Protocol):
    """HTTP/1.1 whose clients have so long to send a whole request, and to take an answer.

    uvicorn itself would wait for ever.
    """

    seconds: float  # set in a subclass: uvicorn makes the protocols itself
    _sending: asyncio.TimerHandle | None = None
    _taking: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._await_request(True)

    def connection_lost(self, exc: Exception | None) -> None:
        self._await_request(False)
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._await_request(self.conn.their_state in (h11.IDLE, h11.SEND_BODY))

    def on_response_complete(self) -> None:
        super().on_response_complete()
        # Where the answer came before the whole body, the rest is read and dropped, but not for ever;
        # between two requests uvicorn has a clock of its own.
        self._await_request(self.conn.their_state is h11.SEND_BODY)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._taking = self._taking or self.loop.call_later(self.seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._taking:
            self._taking.cancel()
            self._taking = None

    def send_400_response(self, msg: str) -> None:
        self._refuse("400 Bad Request", msg)

    def _await_request(self, wanted: bool) -> None:
        """Starts the clock for a request unless it runs, or stops it."""
        if wanted and not self._sending:
            self._sending = self.loop.call_later(self.seconds, self._give_up)
        elif not wanted and self._sending:
            self._sending.cancel()
            self._sending = None

    def _give_up(self) -> None:
        begun = self.conn.their_state is h11.SEND_BODY or self.conn.trailing_data[0]
        if begun and self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._refuse("408 Request Timeout", f"The request took longer than {self.seconds:g} seconds")
        else:
            self.transport.close()

    def _refuse(self, status: str, error: str) -> None:
        body = json.dumps({"error": error})
        head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
        self.transport.write(f"{head}\r\nconnection: close\r\n\r\n{body}".encode("ascii"))
        self.transport.close()


def patient_protocol(seconds: float) -> type[PatientProtocol]:
    """Returns the protocol with its time set."""
    settings: dict[str, Any] = {"seconds": seconds}
    return type("PatientProtocol", (PatientProtocol,), settings)
