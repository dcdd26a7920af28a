"""An HTTP server for one model: where it listens, its start and its end."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from keras_sentiment.errors import InputError
from keras_sentiment.inference.artifact import open_artifact
from keras_sentiment.inference.classifier import Classifier
from keras_sentiment.serving.access import read_keys
from keras_sentiment.serving.application import make_app
from keras_sentiment.serving.config import ServingConfig
from keras_sentiment.serving.descriptors import connection_limit
from keras_sentiment.serving.http_protocol import NOSNIFF, limited_protocol

# Connections that are accepted in one turn of the event loop, and those that the system keeps until then.
# In a turn none of them is counted yet, so they must be fewer than the descriptors that are left.
ACCEPTED, BACKLOG = 4, 1024
IDLE_SECONDS = 5  # between two requests of a connection


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
                http=limited_protocol(config.timeout_seconds, connection_limit(config.max_connections)),
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                headers=[NOSNIFF],
                backlog=ACCEPTED,
                timeout_keep_alive=IDLE_SECONDS,
                timeout_graceful_shutdown=max(1, round(config.timeout_seconds)),
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup([self._listener])
        self._listener.listen(BACKLOG)
        self._announce()


def serve(
    path: str,
    config: ServingConfig,
    say: Callable[[str], None] = lambda message: None,
    api_key_file: str | None = None,
) -> None:
    """Serves an artifact until SIGTERM or Ctrl-C; what is in flight then is answered.

    Args:
        path: of the artifact.
        config: where to listen, the limits, and whom to answer.
        say: is told where the server listens.
        api_key_file: of keys, one of which a request must bring.

    Raises:
        InputError: there is no artifact, its runtime is not installed, the port is taken, the keys can't be
            read, or there may not be so many connections.
    """
    keys = read_keys(api_key_file) if api_key_file else ()
    connection_limit(config.max_connections)
    with listen(config) as listener:
        artifact = open_artifact(path)
        classifier = Classifier.of_artifact(artifact)
        classifier.predict([""])  # a graph that doesn't run is found now, and the first client need not wait
        message = announcement(artifact.name, *listener.getsockname()[:2])
        app = make_app(classifier, artifact.name, config, keys, listener.getsockname()[0])
        # uvicorn raises the signal again when it has finished: the start's handlers then end the process.
        Server(app, config, listener, lambda: say(message)).run()


def announcement(name: str, host: str, port: int) -> str:
    """Returns what is said once requests are answered.

    Whoever made the artifact has named it: what a terminal would obey stands escaped.
    """
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    return str(InputError(f"{name} is served on {url}"))


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
