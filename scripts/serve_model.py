"""`serve`: an HTTP server for an exported model."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import Any

import click

from keras_sentiment.errors import InputError, install_hint
from keras_sentiment.scripts import end_at_once
from keras_sentiment.scripts.command_line import common_options, run_command, say
from keras_sentiment.scripts.library_output import foresee_end
from keras_sentiment.scripts.options import command, option, section
from keras_sentiment.serving.config import ServingConfig
from keras_sentiment.serving.log import configure_log

DEFAULTS = ServingConfig()


def setting(name: str, metavar: str, help: str) -> Any:
    """Returns the option for a field of the configuration, with its default."""
    flag, default = "--" + name.replace("_", "-"), getattr(DEFAULTS, name)
    return option(flag, default=default, show_default=True, metavar=metavar, help=help)


@command(
    examples=(
        "serve models/small/onnx",
        "serve models/small/onnx --host 0.0.0.0 --port 80 --api-key-file keys.txt",
    )
)
@click.argument("artifact", type=click.Path())
@section(
    "Address",
    setting("host", "ADDRESS", "Address to listen on; 0.0.0.0 stands for all networks of this machine."),
    setting("port", "N", "Port to listen on; 0 takes a free one."),
)
@section(
    "Access",
    option(
        "--allowed-host",
        "allowed_hosts",
        multiple=True,
        metavar="NAME",
        show_default="localhost where --host is of this machine, else any name",
        help="Host name under which clients may reach the server (the Host header). May be given several "
        "times.",
    ),
    option(
        "--api-key-file",
        type=click.Path(),
        metavar="FILE",
        show_default="no key is needed",
        help="File with one API key on each line; every request must then carry one of them.",
    ),
)
@section(
    "Limits",
    setting("max_body_bytes", "N", "Largest size of a request, in bytes."),
    setting("max_texts", "N", "Largest number of texts in a request."),
    setting("max_waiting", "N", "Largest number of texts that wait, and of requests in flight."),
    setting(
        "max_connections", "N", "Largest number of connections; 0 for the limit of open files, up to 4,096."
    ),
    setting(
        "timeout_seconds", "S", "Seconds that a client may take to send a request, or to read the answer."
    ),
)
@option("--log-texts", is_flag=True, help="Write the texts of requests to the log.")
@common_options
def serve(artifact: str, quiet: bool, api_key_file: str | None, **settings: Any) -> None:
    """Serve an exported model over HTTP.

    ARTIFACT is a folder that export wrote, such as OUT_DIR/onnx. The server has a page to try the model at /,
    POST /predict, the Open Inference Protocol under /v2, /openapi.json, and /metrics for Prometheus.
    """
    # Until the server listens there is nothing to finish. An exception could be lost in whatever is being
    # imported or opened, or end in a traceback.
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, end_at_once)
    config = ServingConfig(**settings)
    configure_log(quiet)
    try:
        from keras_sentiment.serving import server
    except ImportError as error:
        raise InputError(f"{error.name} is not installed; {install_hint('serve')}") from None
    server.serve(artifact, config, (lambda message: None) if quiet else say, api_key_file)


def _stop(number: int, frame: FrameType | None) -> None:
    """Ends a server that is still starting, as a container's manager asks it to."""
    foresee_end()
    os._exit(0)


if __name__ == "__main__":
    run_command(serve)
