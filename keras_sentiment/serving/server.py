"""An HTTP server for one model: where it listens, its start and its end."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from keras_sentiment.errors import InputError
from keras_sentiment.inference.artifact import open_artifact
from keras_sentiment.inference.classifier import Classifier
from keras_sentiment.serving.application import make_app
from keras_sentiment.serving.config import ServingConfig
from keras_sentiment.serving.timeouts import timeout_protocol


class Server(uvicorn.Server):
    """A uvicorn server that says when it listens.

    Args:
        listener: a bound socket.
        announce: is called once requests are answered.
    """

    def __init__(
        self,
        app: FastAPI,
        config: ServingConfig,
        listener: socket.socket,
        announce: Callable[[], None] = lambda: None,
    ) -> None:
        self._listener, self._announce = listener, announce
        super().__init__(
            uvicorn.Config(
                app,
                http=timeout_protocol(config.timeout_seconds),
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=max(1, round(config.timeout_seconds)),
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup([self._listener])
        self._announce()


def serve(path: str, config: ServingConfig, say: Callable[[str], None] = lambda message: None) -> None:
    """Serves an artifact until SIGTERM or Ctrl-C; what is in flight then is answered.

    Args:
        path: of the artifact.
        say: is told where the server listens.

    Raises:
        InputError: there is no artifact, its runtime is not installed, or the port is taken.
    """
    # uvicorn hands the signal back when it has finished: that is then an end in order.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with listen(config) as listener:
        artifact = open_artifact(path)
        classifier = Classifier.of_artifact(artifact)
        classifier.predict([""])  # a graph that doesn't run is found now, and the first client need not wait
        host, port = listener.getsockname()[:2]
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        app = make_app(classifier, artifact.name, config)
        Server(app, config, listener, lambda: say(f"{artifact.name} is served on {url}")).run()


def listen(config: ServingConfig) -> socket.socket:
    """Returns a socket that is bound, so that a taken port is found before the model is opened.

    Raises:
        InputError: the port is taken, or the host is not this machine's.
    """
    listener = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            config.host, config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        if listener:
            listener.close()
        raise InputError(
            f"{config.host}:{config.port}: no server can listen there ({error.strerror}); "
            "give another --host or --port"
        ) from None
    return listener
