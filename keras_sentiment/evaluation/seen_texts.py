"""Whether texts that were measured are texts that a model was trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from keras_sentiment.runs.config import RunConfig
from keras_sentiment.runs.run_files import short_name


def seen_warnings(metrics: dict[str, Any], reviews: str) -> list[str]:
    """Returns a clause for the model, and one for the model it is compared with, if either was trained on
    some of the texts; none for a train split, where all are.

    Args:
        metrics: what `evaluate` found.
        reviews: what to call the texts.
    """
    if metrics["split"] == "train":
        return []
    models = [("the model", metrics["seen_in_training"])]
    if "against" in metrics:
        rival = metrics["against"]
        name = f"{short_name(rival['run_dir'])}, which it is compared with,"
        models.append((name, rival["seen_in_training"]))
    return [
        f"{name} was trained on {seen:,} of the {metrics['examples']:,} {reviews}, "
        "so its figures may be better than on new texts"
        for name, seen in models
        if seen
    ]


def is_source(metrics: dict[str, Any], config: RunConfig) -> bool:
    """Returns whether the texts are the source that the corpus of a run was prepared from.

    A source has the same name and holds all texts that the model was trained on.

    Args:
        metrics: what `evaluate` found.
        config: of the run.
    """
    same_name = Path(metrics["data"]).name == Path(config.data["source"]).name
    return same_name and 0 < config.trained_reviews <= metrics["seen_in_training"]
