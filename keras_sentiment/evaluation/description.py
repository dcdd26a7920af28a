"""What a model is and how it was trained, in words that the report and the card share."""

from __future__ import annotations

from pathlib import Path

from keras_sentiment.config import BertConfig
from keras_sentiment.runs.config import RunConfig


def architecture(config: RunConfig) -> str:
    """Returns what kind of model a run holds, as a noun phrase."""
    model = config.recipe.model
    if isinstance(model, BertConfig):
        kind = f"a BERT ({Path(model.preset).name}) with {model.trainable_blocks} trained blocks"
    else:
        blocks = "1 block" if model.num_layers == 1 else f"{model.num_layers} blocks"
        begun = "from scratch" if model.pretrained is None else "pretrained on unlabelled texts"
        kind = f"a Transformer encoder of {blocks}, {model.hidden_dim} wide, {begun}"
    if model.ngrams:
        chosen = config.calibration.ngram_weight if config.calibration else None
        linear = f"a linear model of n-grams of up to {model.ngrams} tokens"
        if chosen == 1:
            return f"{linear} alone, since its weight beside {kind} is 1"
        if chosen != 0:
            return f"{kind}, averaged with {linear}"
    return kind


def hyperparameters(config: RunConfig) -> str:
    """Returns the main hyperparameters of a run's training."""
    inputs, training = config.recipe.inputs, config.recipe.training
    epochs = "1 epoch" if training.epochs == 1 else f"{training.epochs} epochs"
    least = f", more where that is under {training.min_steps} steps" if training.min_steps else ""
    parts = [
        f"{inputs.sequence_length} tokens a text",
        f"batches of {training.batch_size}",
        f"at most {epochs}{least}",
        f"learning rate {training.learning_rate:g}",
        f"seed {training.seed}",
    ]
    if training.class_weight:
        parts.insert(-1, "class weights")
    return ", ".join(parts)
