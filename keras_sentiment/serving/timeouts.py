"""HTTP/1.1 with time limits: for a client to send a request, and to take its answer."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


class TimeoutProtocol(H11Protocol):
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


def timeout_protocol(seconds: float) -> type[TimeoutProtocol]:
    """Returns the protocol with its time set."""
    settings: dict[str, Any] = {"seconds": seconds}
    return type("TimeoutProtocol", (TimeoutProtocol,), settings)
