"""`serve`: a trained model behind HTTP."""

from __future__ import annotations

import logging
from typing import Any

import click

from keras_sentiment.errors import InputError
from keras_sentiment.scripts.command_line import common_options, run_command, say
from keras_sentiment.serving.config import ServingConfig

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
@setting("timeout_seconds", "S", "Time for a client to send its request, or to take its answer.")
@click.option("--log-texts", is_flag=True, help="Write the texts to the log.")
@common_options
def serve(artifact: str, quiet: bool, **settings: Any) -> None:
    """Serve ARTIFACT, an exported model: a page, POST /predict, the Open Inference Protocol, /metrics."""
    config = ServingConfig(**settings)
    logging.basicConfig(level="WARNING" if quiet else "INFO", format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("uvicorn").setLevel("WARNING")
    try:
        from keras_sentiment.serving import server
    except ImportError as error:
        raise InputError(f'{error.name} is not installed: pip install "keras-sentiment[serve]"') from None
    server.serve(artifact, config, (lambda message: None) if quiet else say)


if __name__ == "__main__":
    run_command(serve)
