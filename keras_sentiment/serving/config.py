"""The settings of the server, with their defaults and checks. It imports the standard library only."""

from __future__ import annotations

import re
from dataclasses import dataclass

from keras_sentiment.config import EXPLAINED_SPANS
from keras_sentiment.errors import require, require_positive


@dataclass(frozen=True)
class ServingConfig:
    """The address, the limits and the allowed names of a server.

    Args:
        host: str, the address or name to listen on.
        port: int; 0: the operating system chooses a free one.
        max_body_bytes: int, most bytes in the body of a request.
        max_texts: int, most texts in a request.
        max_waiting: int, most texts that wait for the model, and most requests in flight. Together with
            `max_body_bytes` it limits the memory that clients can use.
        max_connections: int; 0: the number of files that the process may open, less 64, and at most 4,096.
        timeout_seconds: float > 0, the time in which a client must send its request and take its answer, and
            in which requests in flight are finished when the server stops.
        allowed_hosts: allowed names in the header `Host`, without ports. If `host` is a loopback address, the
            loopback names are allowed as well; otherwise an empty list allows every name.
        log_texts: bool, whether the texts are logged.
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
        expected = f"at least {least}, the most texts of one request, /explain included"
        require(self.max_waiting >= least, "max_waiting", self.max_waiting, expected)
