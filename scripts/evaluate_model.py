"""`evaluate`: measures a trained model on labelled texts."""

from __future__ import annotations

import json
from pathlib import Path

import click

from keras_sentiment.data.config import PrepareConfig
from keras_sentiment.escaping import shell
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
from keras_sentiment.scripts.options import command, option, section
from keras_sentiment.scripts.table_options import on_error_option, source_options


@command(
    examples=(
        "evaluate runs/small data/mine",
        "evaluate runs/small other.csv --label-column stars --against runs/bert",
    )
)
@click.argument("run_dir", type=click.Path())
@click.argument("data", type=click.Path())
@section(
    "Evaluation",
    option(
        "--split",
        type=click.Choice(["train", "validation", "test"]),
        show_default="test if there is one, else validation, else all texts",
        help="Part of DATA to evaluate on.",
    ),
    option(
        "--against",
        type=click.Path(),
        metavar="RUN_DIR",
        help="Compare with the model of this other run on the same texts.",
    ),
    option(
        "--group-column",
        metavar="NAME",
        help="Column of a group, such as author. Texts of one group then count as dependent in the "
        "intervals.",
    ),
    windows_option,
    option(
        "--perturb",
        is_flag=True,
        help="Also count how many predicted labels change when typos, HTML tags or a neutral sentence are "
        "added to the texts.",
    ),
    scoring_precision_option,
)
@section(
    "Results",
    option(
        "--output",
        type=click.Path(),
        metavar="DIR",
        show_default="RUN_DIR",
        help="Write metrics.json and report.html to this new folder, and leave the run as it is.",
    ),
    option(
        "--json",
        "as_json",
        is_flag=True,
        help="Print all metrics as one JSON object on standard output, and no text.",
    ),
)
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
    """Evaluate a trained model on labelled texts.

    RUN_DIR is a folder that a training command wrote. DATA is a folder that prepare wrote, or any source that
    prepare takes. The metrics are printed, and written to RUN_DIR: metrics.json, report.html, reports/ with a
    page for each data set, and README.md, a model card.
    """
    check_backend()
    from keras_sentiment.data.evaluation_split import require_evaluation_data
    from keras_sentiment.runs.checks import require_comparable
    from keras_sentiment.runs.run import open_run
    from keras_sentiment.storage.atomic import require_free_folder

    # What can be refused is refused before Keras is imported, which takes seconds.
    if output is not None:
        require_free_folder(Path(output), overwrite=False, is_ours=lambda folder: False)
    run, other = open_run(run_dir), None if against is None else open_run(against)
    if other is not None:
        require_comparable(run, other)
    require_evaluation_data(data, split, run.tokenizer(), run.config.labels, config, on_error)
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
        say(
            f"Wrote {report}: open it in a browser. Next: keras-sentiment predict {shell(run_dir)} "
            f'"some text", or keras-sentiment export {shell(run_dir)} NEW_MODEL_DIR'
        )


if __name__ == "__main__":
    run_command(evaluate)
