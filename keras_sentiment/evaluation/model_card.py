"""The README.md of a RUN_DIR: a model card, after Mitchell et al. 2019, "Model Cards for Model Reporting"."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from keras_sentiment.data.padding import head_tail
from keras_sentiment.escaping import markdown, markdown_code, printable, shell
from keras_sentiment.evaluation.description import architecture, hyperparameters
from keras_sentiment.evaluation.seen_texts import seen_warnings
from keras_sentiment.evaluation.tables import (
    MANY_LABELS,
    NONE,
    BaselineRow,
    baseline_rows,
    label_rows,
    left_out,
    span,
)
from keras_sentiment.runs.chosen import chosen_on_validation
from keras_sentiment.runs.run import Run
from keras_sentiment.runs.run_files import short_name

_FIGURES = ("accuracy", "f1", "roc_auc", "loss", "brier", "ece", "class_ece")
_USE = """## How to use it

    keras-sentiment predict {word} "I laughed, I cried, I left early."
    keras-sentiment export {word} exported && keras-sentiment serve exported/onnx

```python
import keras_sentiment

classifier = keras_sentiment.load({string})
classifier.predict(["A gem.", "Dreadful from start to finish."])
```

{rule}
"""


def model_card(run: Run, recorded: dict[str, dict[str, dict[str, Any]]]) -> str:
    """Returns the card.

    Args:
        recorded: the evaluations that are `shown`, by split and fingerprint.
    """
    config = run.config
    name = run.path.resolve().name
    splits = config.data["splits"]
    counts = ", ".join(f"{part['reviews']:,} {markdown(split)}" for split, part in splits.items())
    return "\n".join(
        [
            f"# {markdown(name)}\n",
            f"Labels texts as {markdown(_either(config.labels))}: {markdown(architecture(config))}, "
            "trained by keras_sentiment.\n",
            f"Trained with {hyperparameters(config)}.{_measured(recorded)}\n",
            "## Data\n",
            f"{markdown(Path(config.data['source']).name)}: {counts}; fingerprint "
            f"{markdown_code(config.data['fingerprint'][:12])}. {_chosen(run)} Test chose nothing.\n",
            *(f"- Warning: {markdown(warning)}.\n" for warning in config.data["warnings"]),
            "## Figures\n",
            *_figures(recorded, splits),
            "",
            _USE.format(word=shell(name), string=_python(name), rule=_rule(run)),
            "## Limits\n",
            *_limits(run, recorded, splits),
            "",
            f"Seed {config.recipe.training.seed}; {markdown(config.backend)}, {markdown(config.precision)}; "
            f"{markdown(', '.join(map(' '.join, config.versions.items())))}. "
            "`config.json` has every hyperparameter, `report.html` the last evaluation in pictures, "
            "`reports/` every one.\n",
        ]
    )


def _either(labels: tuple[str, ...]) -> str:
    if len(labels) > MANY_LABELS:
        return f"one of {len(labels):,} labels"
    return f"{', '.join(labels[:-1])} or {labels[-1]}"


def _measured(recorded: dict[str, Any]) -> str:
    """Returns when the model was last measured."""
    dates = [metrics["date"][:10] for found in recorded.values() for metrics in found.values()]
    return f" Last measured on {max(dates)}." if dates else ""


def _chosen(run: Run) -> str:
    config = run.config
    training = config.recipe.training
    # Epochs that only make the least number of steps are not chosen from.
    epoch = training.restore_best_weights and training.epochs > 1 and not config.trained_by_hand
    teachers = ", ".join(map(short_name, training.teachers))
    taught = f" and from soft labels of unlabelled texts by {markdown(teachers)}" if teachers else ""
    further = " A program of the user's trained them further." if run.config.trained_by_hand else ""
    return f"The weights come from {config.trained_reviews:,} of the train reviews{taught}.{further}" + (
        " Validation chose the epoch." if epoch else ""
    )


def _rule(run: Run) -> str:
    return markdown(" ".join(chosen_on_validation(run.config)))


def _figures(recorded: dict[str, Any], splits: dict[str, Any]) -> list[str]:
    lines = [
        "| texts | accuracy | TF-IDF | majority label | F1 | ROC AUC | log loss | Brier | ECE | label ECE |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    warnings: list[str] = []
    labels: list[str] = []
    for split, by_fingerprint in recorded.items():
        for fingerprint, metrics in by_fingerprint.items():
            own = splits.get(split, {}).get("fingerprint") == fingerprint
            other = f"other data, {split} of {metrics['data']} ({fingerprint[:12]})"
            where = f"{split} of this data" if own else markdown(other)
            cells = [_cell(metrics, figure) for figure in _FIGURES]
            cells[1:1] = [_baseline(row) for row in reversed(baseline_rows(metrics))]
            lines.append(f"| {metrics['examples']:,}, {where} | {' | '.join(cells)} |")
            reviews = f"{split} reviews of this data" if own else f"reviews of {other}"
            warnings += map(markdown, seen_warnings(metrics, reviews))
            labels = _labels(metrics) if own and split == "test" else labels
    lines += [
        "",
        "In brackets 95% intervals. TF-IDF is a logistic regression on TF-IDF, fitted on texts that trained "
        "this model too; the other baseline always says the most frequent label. Beside the accuracy of each "
        "stands how far this model's lies above it. F1 is the mean over labels that occur or are predicted.",
        *labels,
    ]
    return [*lines, *([""] if warnings else []), *(f"- Warning: {warning}." for warning in warnings)]


def _baseline(row: BaselineRow) -> str:
    return f"{row.accuracy}, {row.difference} ({row.interval})"


def _labels(metrics: dict[str, Any]) -> list[str]:
    """Returns the table of labels on this data's test part."""
    rows = label_rows(metrics)
    more = f"; the {MANY_LABELS} most frequent of {len(rows):,}" if rows[MANY_LABELS:] else ""
    return [
        "",
        f"Each label on test{more}:",
        "",
        "| label | texts | precision | recall | F1 |",
        "|---|---|---|---|---|",
        *(
            f"| {markdown(row.name)} | {row.support:,} ({row.share}) | "
            + " | ".join(f"{value} ({told})" for value, told in (row.precision, row.recall, row.f1))
            + " |"
            for row in rows[:MANY_LABELS]
        ),
        *(["", text] if (text := left_out(metrics)) else []),
    ]


def _python(text: str) -> str:
    """Returns a text as a string of Python."""
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{printable(quoted)}"'


def _cell(metrics: dict[str, Any], key: str) -> str:
    value, interval = metrics[key], metrics["intervals"][key]
    if value is None:
        return f"{NONE} ({markdown(metrics['absent'][key])})"
    if interval is None:
        return f"{value:.4f} (no interval: {markdown(metrics['absent'][f'interval of {key}'])})"
    return f"{value:.4f} ({span(interval)})"


def _limits(run: Run, recorded: dict[str, Any], splits: dict[str, Any]) -> list[str]:
    inputs = run.config.recipe.inputs
    head, tail = head_tail(inputs)
    kept = f"its first {head} and last {tail}" if tail else f"its first {head}"
    lines = [
        f"- Of a text longer than {inputs.sequence_length - 2} tokens it reads {kept}.",
        "- It knows the texts that it was trained on: other subjects, other times and other languages need "
        "an evaluation of their own (`keras-sentiment evaluate`).",
        "- It always gives one of its labels, to texts without any sentiment too.",
        (
            "- Probabilities are calibrated for data like its validation reviews, and only there."
            if run.config.calibration is not None and run.config.calibration.fitted
            else "- Probabilities are the model's own: no temperature was fitted."
        ),
    ]
    own = recorded.get("test", {}).get(splits.get("test", {}).get("fingerprint"), {"by_length": []})
    for longest in (row for row in own["by_length"] if row["to"] is None):
        low, high = longest["accuracy_ci95"]
        lines.insert(
            1,
            f"- On the {longest['reviews']:,} test reviews of more than {longest['from'] - 1} tokens "
            f"its accuracy is {longest['accuracy']:.4f} ({low:.4f} to {high:.4f}).",
        )
    return lines
