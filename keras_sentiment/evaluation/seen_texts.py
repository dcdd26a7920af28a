"""What to say of texts that were measured and that a model had been trained on."""

from __future__ import annotations

from typing import Any

from keras_sentiment.runs.run_files import short_name


def seen_warnings(metrics: dict[str, Any], reviews: str) -> list[str]:
    """Returns a line for the model and one for its rival, if they were trained on reviews that were measured.

    But none of a train part, of which everybody expects it.

    Args:
        metrics: what `evaluate` found.
        reviews: what to call those that were measured.
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
