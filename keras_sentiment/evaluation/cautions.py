"""What a reader of figures should beware of, in sentences that the report shows first."""

from __future__ import annotations

from typing import Any

from keras_sentiment.evaluation.seen_texts import seen_warnings
from keras_sentiment.evaluation.tables import baseline_rows, percent, span
from keras_sentiment.runs.config import RunConfig

FEW_TEXTS = 200  # an interval of accuracy is then some 0.1 wide, or wider
FEW_OF_LABEL = 10
MAJORITY_SHARE = 0.9
TRUNCATED_SHARE = 0.05
LARGE_ECE = 0.05
_ALWAYS = (
    "The figures hold for texts like these. Texts on another subject, from another time or in another "
    "language need an evaluation of their own."
)


def cautions(metrics: dict[str, Any], config: RunConfig, fingerprint: str, truncated: int) -> list[str]:
    """Returns a sentence or two on each thing that weakens the figures of an evaluation; never none.

    Args:
        metrics: what `evaluate` found.
        fingerprint: of the texts that were measured.
        truncated: int, how many of them the model did not read whole.
    """
    examples = metrics["examples"]
    found = [f"{text[0].upper()}{text[1:]}." for text in seen_warnings(metrics, "texts")]
    if metrics["split"] == "train":
        found.append("These are train texts: accuracy on new texts may be lower.")
    validation = config.data["splits"].get("validation", {}).get("fingerprint")
    if fingerprint == validation:
        found.append(
            "These are the validation texts of training, which chose the temperature and may have chosen the "
            "epoch: accuracy on new texts may be lower."
        )
    if examples < FEW_TEXTS:
        texts = "Only 1 text was" if examples == 1 else f"Only {examples:,} texts were"
        found.append(f"{texts} measured, so the intervals are wide.")
    found += _baselines(metrics)
    found += _labels(metrics)
    found += _probabilities(metrics, config)
    if truncated >= max(1, TRUNCATED_SHARE * examples):
        inputs = config.recipe.inputs
        parts = "beginning and end" if inputs.truncation == "head_tail" else "beginning"
        found.append(
            f"{truncated:,} of {examples:,} texts ({percent(truncated, examples)}) are longer than "
            f"{inputs.sequence_length - 2} tokens; the model reads only their {parts}."
        )
    found += [f"Training data: {warning}." for warning in config.data["warnings"]]
    return [*found, _ALWAYS]


def _baselines(metrics: dict[str, Any]) -> list[str]:
    """Returns which baselines the model is not shown to beat."""
    found = []
    names = ("always predicting the majority label", "logistic regression on TF-IDF")
    for name, kind, row in zip(names, ("majority", "tfidf"), baseline_rows(metrics), strict=True):
        interval = metrics["baselines"][kind]["difference_ci95"]
        if interval is None or interval[0] > 0:
            continue
        how = "The model is worse than" if interval[1] < 0 else "The model is not shown to be better than"
        found.append(f"{how} {name}: the difference in accuracy is {row.difference} ({row.interval}).")
    return found


def _labels(metrics: dict[str, Any]) -> list[str]:
    """Returns what to say of a label that most texts have, and of labels that few have."""
    support, examples = metrics["support"], metrics["examples"]
    name = max(support, key=support.__getitem__)
    found = []
    if examples and MAJORITY_SHARE * examples <= support[name] < examples:
        found.append(
            f"{percent(support[name], examples)} of the texts are labelled {name}, so accuracy says little "
            "about the other labels: look at the figures of each label."
        )
    few = sum(0 < count < FEW_OF_LABEL for count in support.values())
    if few:
        labels = "1 label has" if few == 1 else f"{few:,} of {len(support):,} labels have"
        found.append(
            f"{labels} fewer than {FEW_OF_LABEL} texts here, so precision and recall of such a label are "
            "uncertain."
        )
    return found


def _probabilities(metrics: dict[str, Any], config: RunConfig) -> list[str]:
    """Returns whether the probabilities are far from the accuracy."""
    interval = metrics["intervals"]["ece"]
    if metrics["ece"] is not None and interval is not None and interval[0] >= LARGE_ECE:
        return [
            f"The probabilities are off: the calibration error is {metrics['ece']:.4f} ({span(interval)})."
        ]
    if config.calibration is None:
        return ["The probabilities were not calibrated."]
    return []
