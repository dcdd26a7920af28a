"""An HTTP server for one model: its socket, its start and its end."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Sequence

import uvicorn
from fastapi import FastAPI

from keras_sentiment.errors import InputError
from keras_sentiment.escaping import printable, shell
from keras_sentiment.inference.artifact import open_artifact
from keras_sentiment.inference.classifier import Classifier
from keras_sentiment.serving.access import is_loopback, read_keys
from keras_sentiment.serving.application import make_app
from keras_sentiment.serving.config import ServingConfig
from keras_sentiment.serving.descriptors import connection_limit
from keras_sentiment.serving.http_protocol import NOSNIFF, limited_protocol

# Most connections that are accepted in one turn of the event loop, and that the system keeps until then. They
# are counted only after the turn, so they must be fewer than the reserved file descriptors.
ACCEPTED, BACKLOG = 4, 1024
IDLE_SECONDS = 5  # between two requests of a connection
# All addresses of this machine, and the loopback address among them.
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}

_log = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """A uvicorn server on a given socket.

    Args:
        listener: a bound socket.
        announce: is called when the server starts to answer requests.
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
    """Serves an artifact until SIGTERM or Ctrl-C. Requests that have come by then are answered.

    Args:
        path: of the artifact.
        config: the address, the limits and the allowed names.
        say: prints a line; it gets the URL of the page, and how to use and stop the server.
        api_key_file: path of a file with API keys; None: no key is needed.

    Raises:
        InputError: there is no artifact, its runtime is not installed, the port is taken, the keys can't be
            read, or the limit of open files is below `max_connections`.
    """
    keys = read_keys(api_key_file) if api_key_file else ()
    connection_limit(config.max_connections)
    with listen(config) as listener:
        artifact = open_artifact(path)
        classifier = Classifier.of_artifact(artifact)
        classifier.predict([""])  # finds a graph that doesn't run, and spares the first client a wait
        address, port = listener.getsockname()[:2]
        url, everywhere = page_url(address, port, config.allowed_hosts), address in WILDCARDS
        lines = announcement(artifact.name, url, bool(keys), everywhere)
        app = make_app(classifier, artifact.name, config, keys, address)
        if not (keys or is_loopback(address)):
            _log.warning("No --api-key-file: whoever reaches port %d of this machine can use the model", port)

        def announce() -> None:
            for line in lines:
                say(line)

        # uvicorn raises the signal again when it has finished: the start's handlers then end the process.
        Server(app, config, listener, announce).run()


def announcement(name: str, url: str, keyed: bool, everywhere: bool = False) -> list[str]:
    """Returns the lines that are printed once requests are answered.

    Args:
        name: of the artifact. Whoever made the artifact chose it, so it is escaped.
        url: of the page.
        keyed: bool, whether a request must have a key.
        everywhere: bool, whether the server listens on all addresses of this machine.
    """
    others = " and on all other addresses of this machine" if everywhere else ""
    key = '-H "Authorization: Bearer $API_KEY" ' if keyed else ""
    data = """-H 'Content-Type: application/json' -d '{"text": "A good film."}'"""
    return [
        printable(f"{name} is served on {url}{others}"),
        f"Open {url} in a browser, or label a text from a shell: curl {key}{data} {shell(url + 'predict')}",
        f"{url}openapi.json describes the routes. Press Ctrl-C to stop the server.",
    ]


def page_url(address: str, port: int, allowed_hosts: Sequence[str] = ()) -> str:
    """Returns the URL of the page, as a browser on this machine reaches it.

    Args:
        address: where the server listens; 0.0.0.0 and :: are all addresses of this machine.
        allowed_hosts: the only names that are answered where the address is not a loopback one.
    """
    host = WILDCARDS.get(address, address)
    if allowed_hosts and not is_loopback(address):
        host = allowed_hosts[0]
    return f"http://[{host}]:{port}/" if ":" in host and "[" not in host else f"http://{host}:{port}/"


def listen(config: ServingConfig) -> socket.socket:
    """Returns a bound socket. It is bound before the model is loaded, so that a taken port is found at once.

    Raises:
        InputError: the port is taken, or the host is not an address of this machine.
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
            f"{config.host}:{config.port}: the server can't listen there ({error.strerror}); "
            "give another --host or --port"
        ) from None
    return listener
