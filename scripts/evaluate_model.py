"""`evaluate`: how well a trained model labels reviews that it has not seen."""

from __future__ import annotations

import json
from typing import Any

import click

from keras_sentiment.data.config import PrepareConfig
from keras_sentiment.scripts.command_line import (
    check_backend,
    common_options,
    run_command,
    say,
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
@click.option("--perturb", is_flag=True, help="Count labels that typos, HTML and a neutral sentence flip.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@source_options
@on_error_option
@common_options
def evaluate(
    run_dir: str,
    data: str,
    split: str | None,
    against: str | None,
    windows: bool,
    perturb: bool,
    as_json: bool,
    config: PrepareConfig,
    on_error: str,
    quiet: bool,
) -> None:
    """Measure the model of RUN_DIR on DATA: a prepared DATA_DIR, or any source that prepare takes.

    Besides printing the figures it writes metrics.json, report.html and README.md, a model card, in RUN_DIR.
    """
    check_backend()
    from keras_sentiment.evaluation import evaluate as measuring

    evaluation = measuring.evaluate(
        run_dir,
        data,
        split,
        config=config,
        on_error=on_error,
        against=against,
        windows=windows,
        perturb=perturb,
        quiet=quiet,
    )
    click.echo(json.dumps(evaluation.metrics) if as_json else figures(evaluation.metrics))
    report = evaluation.save()
    if not quiet:
        say(f"Wrote {report}")


def figures(metrics: dict[str, Any]) -> str:
    """Returns the figures as lines to read."""
    width = max(map(len, metrics["labels"]))
    columns = [max(len(name), *(len(str(n)) for n in counts)) for name, counts in _columns(metrics)]
    header = "  ".join(name.rjust(w) for name, w in zip(metrics["labels"], columns, strict=True))
    rows = [
        ("accuracy", "accuracy", metrics["accuracy"]),
        ("f1", "f1, mean", metrics["f1"]),
        *((f"f1_{name}", f"f1 of {name}", value) for name, value in metrics["f1_per_class"].items()),
        ("roc_auc", "roc auc", metrics["roc_auc"]),
        *((name, name, metrics[name]) for name in ("loss", "brier", "ece", "class_ece")),
    ]
    before, threshold = metrics["before_calibration"]["ece"], metrics["threshold"]
    rule = "" if threshold is None else f", {metrics['labels'][1]} from {threshold:.4f} on"
    return "\n".join(
        [
            f"{metrics['examples']:,} reviews ({metrics['split']}), in brackets 95% intervals",
            *(_line(title, value, name, metrics) for name, title, value in rows),
            f"ece before calibration {_number(before)}, temperature {metrics['temperature']:.4f}{rule}",
            "accuracy by length in tokens:",
            *(
                f"{_bucket(row):16}  {row['accuracy']:.4f}  {_span(row['accuracy_ci95'])}"
                f", {row['reviews']:,} reviews"
                for row in metrics["by_length"]
            ),
            *(_compared(metrics["against"]) if "against" in metrics else ()),
            *(
                f"with {name:11}  {found['accuracy']:.4f}  accuracy; {found['flipped']:,} labels flipped, "
                f"{found['flipped_share']:.1%}"
                for name, found in metrics.get("perturbed", {}).items()
            ),
            "confusion, a line a true label:",
            f"{'':{width}}  {header}",
            *(
                f"{name:{width}}  " + "  ".join(str(n).rjust(w) for n, w in zip(row, columns, strict=True))
                for name, row in zip(metrics["labels"], metrics["confusion"], strict=True)
            ),
        ]
    )


def _line(title: str, value: float | None, name: str, metrics: dict[str, Any]) -> str:
    absent, interval = metrics["absent"], metrics["intervals"][name]
    if value is None:
        return f"{title:16}  none: {absent[name]}"
    if interval is None:
        return f"{title:16}  {value:.4f}  (no interval: {absent[f'interval of {name}']})"
    return f"{title:16}  {value:.4f}  {_span(interval)}"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"


def _span(interval: list[float]) -> str:
    return f"({interval[0]:.4f} to {interval[1]:.4f})"


def _bucket(row: dict[str, Any]) -> str:
    return f"{row['from']} or more" if row["to"] is None else f"{row['from']} to {row['to']}"


def _compared(against: dict[str, Any]) -> list[str]:
    interval = against["difference_ci95"]
    span = "no interval: all texts are of one group"
    if interval is not None:
        span = f"{interval[0]:+.4f} to {interval[1]:+.4f}, paired"
    return [
        f"against {against['run_dir']}, on the same reviews:",
        f"its accuracy      {against['accuracy']:.4f}",
        f"difference        {against['difference']:+.4f}  ({span})",
        f"right alone       {against['only_ours_right']:,} this one, {against['only_theirs_right']:,} that "
        f"one; McNemar's exact p = {against['p_value']:.2g}",
    ]


def _columns(metrics: dict[str, Any]) -> Any:
    return zip(metrics["labels"], zip(*metrics["confusion"], strict=True), strict=True)


if __name__ == "__main__":
    run_command(evaluate)
