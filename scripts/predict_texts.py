"""`predict`: labels for texts, with their probabilities."""

from __future__ import annotations

import json

import click

from keras_sentiment.scripts.command_line import check_backend, quiet_option, run, version_option


@click.command()
@click.argument("run_dir", type=click.Path())
@click.argument("texts", metavar="TEXT...", nargs=-1, required=True)
@quiet_option
@version_option
def predict(run_dir: str, texts: tuple[str, ...], quiet: bool) -> None:
    """Label each TEXT with the model of RUN_DIR: one line of JSON a text, in order."""
    check_backend()
    from keras_sentiment.classifier import load

    for result in load(run_dir).predict(texts, quiet):
        click.echo(json.dumps(result, ensure_ascii=False))


if __name__ == "__main__":
    run(predict)
