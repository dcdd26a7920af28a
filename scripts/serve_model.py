"""`serve`: a trained model behind HTTP."""

from __future__ import annotations

import os
import signal
from typing import Any

import click

from keras_sentiment.errors import InputError
from keras_sentiment.scripts import end_at_once
from keras_sentiment.scripts.command_line import common_options, run_command, say
from keras_sentiment.serving.config import ServingConfig
from keras_sentiment.serving.log import configure_log

DEFAULTS = ServingConfig()


def setting(name: str, metavar: str, help: str) -> Any:
    """Returns the option for a field of the configuration, with its default."""
    flag, default = "--" + name.replace("_", "-"), getattr(DEFAULTS, name)
    return click.option(flag, default=default, show_default=True, metavar=metavar, help=help)


@click.command()
@click.argument("artifact", type=click.Path())
@setting("host", "ADDRESS", "Where to listen; 0.0.0.0 for every network that this machine is in.")
@setting("port", "N", "Its port; 0 takes a free one.")
@setting("max_body_bytes", "N", "Most bytes of a request.")
@setting("max_texts", "N", "Most texts of a request.")
@setting("max_waiting", "N", "Most texts that wait, and requests in flight.")
@setting("max_connections", "N", "Most connections; 0 for what open files allow, up to 4,096.")
@setting("timeout_seconds", "S", "Time for a client to send its request, or to take its answer.")
@click.option(
    "--allowed-host",
    "allowed_hosts",
    multiple=True,
    metavar="NAME",
    help="A name of this server in the header Host, beside loopback's where --host is loopback; repeatable.  "
    "[default: none there, elsewhere any]",
)
@click.option("--api-key-file", type=click.Path(), help="Keys, one a line; a request must then bring one.")
@click.option("--log-texts", is_flag=True, help="Write the texts to the log.")
@common_options
def serve(artifact: str, quiet: bool, api_key_file: str | None, **settings: Any) -> None:
    """Serve ARTIFACT, an exported model: a page, POST /predict, the Open Inference Protocol, /metrics."""
    # Until the server listens there is nothing to finish. An exception could be lost, or become a traceback,
    # in whatever is being imported or opened.
    signal.signal(signal.SIGTERM, lambda number, frame: os._exit(0))
    signal.signal(signal.SIGINT, end_at_once)
    config = ServingConfig(**settings)
    configure_log(quiet)
    try:
        from keras_sentiment.serving import server
    except ImportError as error:
        raise InputError(f'{error.name} is not installed: pip install "keras-sentiment[serve]"') from None
    server.serve(artifact, config, (lambda message: None) if quiet else say, api_key_file)


if __name__ == "__main__":
    run_command(serve)
