"""HTTP/1.1 with limits on the time of a client, on the size of headers, and on the number of connections."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_HEADER_BYTES = 1 << 14
MAX_HEADERS = 100
# Most chunks of a body with less than 64 bytes on average. A chunk takes as much time as some kilobytes do.
MAX_SMALL_CHUNKS = 256
SMALL_CHUNK = 64
# The speed at which the rest of a refused body is read and dropped.
DROPPED_BYTES_PER_SECOND = 10 << 20
# The wait before a request that is not valid HTTP, or beyond a limit, is refused.
REFUSAL_SECONDS = 0.1

# Keys in the state of a request's scope: whether its body is complete and waits for the model, and the status
# with which it was refused here.
ADMITTED, REFUSED = "admitted", "refused"

NOSNIFF = ("X-Content-Type-Options", "nosniff")  # of every response: browsers must not guess its type

_STATUS = {
    400: ("400 Bad Request", "This is not valid HTTP/1.1"),
    408: ("408 Request Timeout", "The request took longer than {seconds:g} seconds"),
    431: (
        "431 Request Header Fields Too Large",
        f"There are more than {MAX_HEADERS} headers, or they have more than {MAX_HEADER_BYTES} bytes",
    ),
    503: ("503 Service Unavailable", "The server is busy; try again"),
}


class LimitError(h11.RemoteProtocolError):
    """A request that is beyond a limit or ambiguous. Its message is sent to the client."""


class BoundedConnection(h11.Connection):
    """The server's side of HTTP/1.1. It refuses many or long headers, and bodies in many small chunks."""

    def __init__(self) -> None:
        super().__init__(h11.SERVER, MAX_HEADER_BYTES)
        self._chunks = self._bytes = 0

    def next_event(self) -> Any:
        """Returns the next event of a request.

        Raises:
            RemoteProtocolError: the request is not valid HTTP, or beyond a limit.
        """
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._chunks = self._bytes = 0
            # h11 limits only the bytes of incomplete headers.
            size = len(event.target) + sum(len(name) + len(value) for name, value in event.headers)
            if len(event.headers) > MAX_HEADERS or size > MAX_HEADER_BYTES:
                raise LimitError(_STATUS[431][1], error_status_hint=431)
            # A proxy in front of this server may have used the other length (request smuggling).
            names = {name for name, _ in event.headers}
            if b"transfer-encoding" in names:
                if b"content-length" in names:
                    raise LimitError("There are two lengths; send either Content-Length or Transfer-Encoding")
                if event.http_version < b"1.1":
                    raise LimitError("HTTP/1.0 has no Transfer-Encoding; send Content-Length")
        elif isinstance(event, h11.Data):
            self._chunks += 1
            self._bytes += len(event.data)
            if self._chunks > MAX_SMALL_CHUNKS + self._bytes // SMALL_CHUNK:
                raise LimitError(f"The body has more than {MAX_SMALL_CHUNKS} small chunks; send larger ones")
        return event


class LimitedProtocol(H11Protocol):
    """HTTP/1.1 in which clients have a limited time to send a request and to take the answer.

    uvicorn itself has no such limit. If there are too many connections, the oldest is closed, except those
    whose body waits for the model. The age of a connection counts from its last answer of the model.
    """

    # Set in a subclass, since uvicorn creates the protocols.
    seconds: float
    most: int
    oldest_first: dict[LimitedProtocol, None]
    _sending: asyncio.TimerHandle | None = None
    _taking: asyncio.TimerHandle | None = None
    _half_closed = False
    _refusing = False  # the request will be refused in a moment, and nothing more is read

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conn = BoundedConnection()

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self.connections) > self.most and not self._make_room():
            self._refuse(503)
            return
        self.oldest_first[self] = None
        self._await_request(True)

    def connection_lost(self, exc: Exception | None) -> None:
        self._await_request(False)
        self.resume_writing()
        self.oldest_first.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refusing:
            return
        super().data_received(data)
        self._await_request(self._is_sending())
        if self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY:
            self.flow.pause_reading()
            self.loop.call_later(len(data) / DROPPED_BYTES_PER_SECOND, self.flow.resume_reading)

    # asyncio keeps the connection open if this returns true; uvicorn's own always returns None.
    def eof_received(self) -> bool:  # type: ignore[override]
        """Keeps the connection of a client that has ended its side and waits for an answer."""
        if self._refusing:
            return True
        self._half_closed = bool(self.cycle) and not self.cycle.response_complete and not self._is_sending()
        return self._half_closed

    def on_response_complete(self) -> None:
        if self._is_admitted() and self in self.oldest_first:
            del self.oldest_first[self]
            self.oldest_first[self] = None
        super().on_response_complete()
        if self._half_closed and (self.cycle.response_complete or self._is_sending()):
            self.transport.close()
        # If the answer was sent before the body was complete, the rest is dropped for a limited time.
        # Between two requests uvicorn has its own time limit.
        self._await_request(self.conn.their_state is h11.SEND_BODY)

    def shutdown(self) -> None:
        """Completes answers in flight; a client that is still sending is refused."""
        super().shutdown()
        if not self.transport.is_closing() and self._is_sending():
            self._refuse(503)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._taking = self._taking or self.loop.call_later(self.seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._taking:
            self._taking.cancel()
            self._taking = None

    def send_400_response(self, msg: str) -> None:
        # uvicorn calls this while it handles an error of h11, which has the status.
        error = sys.exc_info()[1]
        status = getattr(error, "error_status_hint", 400)
        status = status if status in _STATUS else 400
        said = str(error) if isinstance(error, LimitError) else None
        # Nothing more is read. The wait limits clients that send invalid requests over and over.
        self._refusing = True
        self.flow.pause_reading()
        self.loop.call_later(REFUSAL_SECONDS, self._refuse, status, said)

    def _is_sending(self) -> bool:
        """Whether the client has yet to send a request, or the rest of one."""
        return self.conn.their_state in (h11.IDLE, h11.SEND_BODY)

    def _await_request(self, wanted: bool) -> None:
        """Starts the timer for a request unless it is running, or stops it."""
        if wanted and not self._sending:
            self._sending = self.loop.call_later(self.seconds, self._give_up)
        elif not wanted and self._sending:
            self._sending.cancel()
            self._sending = None

    def _is_admitted(self) -> bool:
        """Whether a body from here waits for the model, or its answer is being sent."""
        return bool(self.scope and self.scope["state"].get(ADMITTED))

    def _make_room(self) -> bool:
        """Closes the oldest connection that may be closed; returns False if there is none."""
        closable = (each for each in self.oldest_first if each._taking or not each._is_admitted())
        oldest = next(closable, None)
        if oldest is None:
            return False
        del self.oldest_first[oldest]
        self.connections.discard(oldest)
        oldest.transport.abort()
        return True

    def _give_up(self) -> None:
        begun = self.conn.their_state is h11.SEND_BODY or self.conn.trailing_data[0]
        if begun:
            self._refuse(408)
        else:
            self.transport.close()

    def _refuse(self, status: int, said: str | None = None) -> None:
        """Sends an error, unless an answer was begun, and closes the connection."""
        unanswered = self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE)
        if unanswered and not self.transport.is_closing():
            if self.scope:
                self.scope["state"][REFUSED] = status
            line, usual = _STATUS[status]
            body = json.dumps({"error": said or usual.format(seconds=self.seconds)})
            head = f"HTTP/1.1 {line}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
            head += f"{': '.join(NOSNIFF)}\r\n" + ("retry-after: 1\r\n" if status == 503 else "")
            self.transport.write(f"{head}connection: close\r\n\r\n{body}".encode("ascii"))
        self.transport.close()


def limited_protocol(seconds: float, most: int) -> type[LimitedProtocol]:
    """Returns the protocol of one server.

    Args:
        seconds: float, the time of a client to send a request, and to take an answer.
        most: int, most connections at a time.
    """
    settings: dict[str, Any] = {"seconds": seconds, "most": most, "oldest_first": {}}
    return type("LimitedProtocol", (LimitedProtocol,), settings)
