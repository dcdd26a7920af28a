"""`evaluate`: how well a trained model labels reviews that it has not seen."""

from __future__ import annotations

import json
from typing import Any

import click

from keras_sentiment.config import PrepareConfig
from keras_sentiment.scripts.command_line import (
    check_backend,
    quiet_option,
    run,
    source_options,
    version_option,
)


@click.command()
@click.argument("run_dir", type=click.Path())
@click.argument("data", type=click.Path())
@click.option(
    "--split",
    type=click.Choice(["train", "validation", "test"]),
    help="Part of the data.  [default: test, else validation, else all]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@source_options
@quiet_option
@version_option
def evaluate(
    run_dir: str,
    data: str,
    split: str | None,
    as_json: bool,
    text_column: str,
    label_column: str,
    quiet: bool,
) -> None:
    """Measure the model of RUN_DIR on DATA: a prepared DATA_DIR, or any source that prepare takes."""
    check_backend()
    from keras_sentiment.bundle import open_bundle

    bundle = open_bundle(run_dir)
    name, reviews = bundle.open_split(data, split, PrepareConfig(text_column, label_column), quiet)
    from keras_sentiment.classifier import Classifier
    from keras_sentiment.evaluation import evaluate_logits

    logits = Classifier.of_bundle(bundle, bundle.load_model()).logits(reviews, quiet)
    metrics = {"split": name, **evaluate_logits(logits, reviews.labels, bundle.decision)}
    click.echo(json.dumps(metrics) if as_json else report(metrics))
    bundle.record_metrics(name, reviews.fingerprint, metrics)


def report(metrics: dict[str, Any]) -> str:
    """Returns the figures as lines to read."""
    low, high = metrics["accuracy_ci95"]
    roc_auc = metrics["roc_auc"]
    width = max(map(len, metrics["labels"]))
    columns = [max(len(name), *(len(str(n)) for n in counts)) for name, counts in _columns(metrics)]
    header = "  ".join(name.rjust(w) for name, w in zip(metrics["labels"], columns, strict=True))
    return "\n".join(
        [
            f"{metrics['examples']:,} reviews ({metrics['split']})",
            f"accuracy  {metrics['accuracy']:.4f}  (95% interval {low:.4f} to {high:.4f})",
            f"f1        {metrics['f1']:.4f}  (mean over the labels)",
            f"roc auc   {'one label only' if roc_auc is None else format(roc_auc, '.4f')}",
            f"loss      {metrics['loss']:.4f}",
            f"ece       {metrics['ece']:.4f}",
            f"brier     {metrics['brier']:.4f}",
            "confusion, a line a true label:",
            f"{'':{width}}  {header}",
            *(
                f"{name:{width}}  " + "  ".join(str(n).rjust(w) for n, w in zip(row, columns, strict=True))
                for name, row in zip(metrics["labels"], metrics["confusion"], strict=True)
            ),
        ]
    )


def _columns(metrics: dict[str, Any]) -> Any:
    return zip(metrics["labels"], zip(*metrics["confusion"], strict=True), strict=True)


if __name__ == "__main__":
    run(evaluate)
