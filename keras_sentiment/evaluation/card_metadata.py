"""The metadata block of a card, as Hugging Face's hub reads it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from keras_sentiment.escaping import visible

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

TASK = "text-classification"
# The key in an evaluation's metrics; name and arguments of the metric in Hugging Face's `evaluate`.
METRICS: dict[str, tuple[str, dict[str, Any]]] = {
    "accuracy": ("accuracy", {}),
    "f1": ("f1", {"average": "macro"}),
    "roc_auc": ("roc_auc", {}),
    "brier": ("brier_score", {}),
}
_POLAR = {"negative", "positive"}
# A viewer that does not know metadata shows them as Markdown.
_MARKUP = re.compile(r"[^\w ./()+,-]+")


def with_metadata(
    text: str,
    *,
    name: str,
    library: str,
    labels: Sequence[str],
    tags: Sequence[str],
    results: Sequence[EvalResult] = (),
    base_model: str | None = None,
) -> str:
    """Returns a card: a metadata block in YAML, and a text in Markdown.

    The licence is `unknown`: whoever trained a model chooses it, and no run records it.

    Args:
        text: escaped Markdown.
        name: of the model; characters that may be markup become spaces.
        library: of the hub's libraries, the one that the model is for.
        labels: of the model.
        tags: beside `keras-sentiment`; `sentiment-analysis` is added where the labels are polar.
        results: of evaluations.
        base_model: the hub's model that this one was fine-tuned from.
    """
    from huggingface_hub import ModelCard, ModelCardData

    polar = ["sentiment-analysis"] if set(labels) >= _POLAR else []
    measured = {result.metric_type for result in results}
    data = ModelCardData(
        license="unknown",
        library_name=library,
        pipeline_tag=TASK,
        tags=["keras-sentiment", *polar, *tags],
        base_model=base_model,
        metrics=[metric for metric, _ in METRICS.values() if metric in measured] or None,
        model_name=_plain(name),
        eval_results=list(results) or None,
    )
    return str(ModelCard(f"---\n{data.to_yaml()}\n---\n\n{text}"))


def eval_results(metrics: dict[str, Any], data: str, split: str, fingerprint: str) -> list[EvalResult]:
    """Returns the figures of an evaluation, those that could be computed.

    Args:
        metrics: by the keys of `METRICS`.
        data: name of the data set; characters that may be markup become spaces.
        split: of it.
        fingerprint: of its texts; the hub tells evaluations apart by it.
    """
    from huggingface_hub import EvalResult

    return [
        EvalResult(
            task_type=TASK,
            task_name="Text classification",
            dataset_type="custom",
            dataset_name=_plain(data),
            dataset_split=_plain(split),
            dataset_revision=_plain(fingerprint),
            metric_type=metric,
            metric_value=round(metrics[key], 6),
            metric_args=arguments or None,
        )
        for key, (metric, arguments) in METRICS.items()
        if metrics.get(key) is not None and math.isfinite(metrics[key])
    ]


def _plain(name: str) -> str:
    """Returns a name without characters that YAML, Markdown or a terminal could take for more than text."""
    return " ".join(_MARKUP.sub(" ", visible(name)).split()) or "unnamed"
