"""`evaluate`: how well a trained model labels reviews that it has not seen."""

from __future__ import annotations

import json
import os

import click

from keras_sentiment.data.config import PrepareConfig
from keras_sentiment.errors import InputError
from keras_sentiment.messages import show
from keras_sentiment.scripts.command_line import (
    check_backend,
    common_options,
    import_keras,
    run_command,
    say,
    scoring_precision_option,
    windows_option,
)
from keras_sentiment.scripts.table_options import on_error_option, source_options


@click.command()
@click.argument("run_dir", type=click.Path())
@click.argument("data", type=click.Path())
@click.option(
    "--split",
    type=click.Choice(["train", "validation", "test"]),
    help="Part of the data.  [default: test, else validation, else all]",
)
@click.option("--against", type=click.Path(), metavar="RUN_DIR", help="Another model to compare with.")
@windows_option
@scoring_precision_option
@click.option("--perturb", is_flag=True, help="Count labels that typos, HTML and a neutral sentence flip.")
@click.option(
    "--output", type=click.Path(), metavar="DIR", help="Write metrics and report there, not into the run."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--group-column", help="Column whose equal values are one draw for the intervals: author.")
@source_options
@on_error_option
@common_options
def evaluate(
    run_dir: str,
    data: str,
    split: str | None,
    against: str | None,
    windows: bool,
    precision: str,
    perturb: bool,
    output: str | None,
    as_json: bool,
    config: PrepareConfig,
    on_error: str,
    quiet: bool,
) -> None:
    """Measure the model of RUN_DIR on DATA: a prepared DATA_DIR, or any source that prepare takes.

    Besides printing the figures it writes metrics.json, report.html, reports/ with a page for each data set
    that was measured, and README.md, a model card, in RUN_DIR.
    """
    if output is not None and (os.path.isfile(output) or (os.path.isdir(output) and os.listdir(output))):
        raise InputError(f"{output}: there is something already; name a new folder")
    check_backend()
    from keras_sentiment.runs.run import open_run

    # What is no run is told before Keras is imported, which takes seconds.
    run, other = open_run(run_dir), None if against is None else open_run(against)
    import_keras(quiet)
    from keras_sentiment.evaluation import evaluate as measuring
    from keras_sentiment.evaluation.summary import summary

    evaluation = measuring.evaluate(
        run,
        data,
        split,
        config=config,
        on_error=on_error,
        against=other,
        windows=windows,
        perturb=perturb,
        precision=precision,
        quiet=quiet,
    )
    report = evaluation.save(output)
    show(json.dumps(evaluation.metrics) if as_json else summary(evaluation.metrics))
    if not quiet:
        say(f"Wrote {report}")


if __name__ == "__main__":
    run_command(evaluate)
