"""Every setting of the server, its default and its validity check; standard library only, like `config`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from keras_sentiment.config import EXPLAINED_SPANS
from keras_sentiment.errors import require, require_positive


@dataclass(frozen=True)
class ServingConfig:
    """Where a server listens, how much it takes on, and whom it answers.

    Args:
        port: int, 0 lets the system choose.
        max_body_bytes: int, of a request.
        max_texts: int, of a request.
        max_waiting: int, texts that wait for the model, and requests in flight. With `max_body_bytes` it
            bounds the memory that clients can take.
        max_connections: int, 0 for as many as the process may have files open, less some, and at most 4,096.
        timeout_seconds: float > 0, in which a client has sent its whole request or taken its answer, and
            in which at the end what is in flight is finished.
        allowed_hosts: names in the header `Host` of a request, without ports, beside those of loopback where
            `host` is loopback; empty allows any elsewhere.
        log_texts: whether the texts are logged.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    max_body_bytes: int = 1 << 20
    max_texts: int = 256
    max_waiting: int = 1024
    max_connections: int = 0
    timeout_seconds: float = 30.0
    allowed_hosts: tuple[str, ...] = ()
    log_texts: bool = False

    def __post_init__(self) -> None:
        require(0 <= self.port <= 65535, "port", self.port, "a number from 0 to 65535")
        require_positive(self, "max_body_bytes", "max_texts", "timeout_seconds")
        require(self.max_connections >= 0, "max_connections", self.max_connections, "0 or more")
        for name in self.allowed_hosts:
            valid = re.fullmatch(r"\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]]+", name)
            require(valid is not None, "allowed_host", name, "a name or address, without scheme and port")
        least = max(self.max_texts, EXPLAINED_SPANS + 1)
        expected = f"at least {least}: the texts of a request, or what /explain scores for one"
        require(self.max_waiting >= least, "max_waiting", self.max_waiting, expected)
