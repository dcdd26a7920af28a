"""What a model takes from the texts before `fit`: vectors of tokens, a linear model of n-grams."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

import keras

from keras_sentiment.batches import ReviewBatches
from keras_sentiment.checkpoint import Checkpoint, assign, named
from keras_sentiment.config import TransformerConfig
from keras_sentiment.encoded import Split
from keras_sentiment.ngrams import ngram_layer
from keras_sentiment.tokenizer import Tokenizer
from keras_sentiment.training_run import TrainingRun
from keras_sentiment.transformer import adapt_embeddings

_NAME, _FILE = "adapted", "adapted.npz"


def adapt(
    model: keras.Model,
    run: TrainingRun,
    train: Split,
    others: Sequence[Split],
    tokenizer: Tokenizer,
    class_weight: Mapping[int, float] | None,
    quiet: bool = False,
) -> None:
    """Fits what a model has of them, and keeps it in a run that has begun: resumed, it has the same.

    Args:
        train: the reviews that train, with the labels that are learned.
        others: texts beside them, without labels.
        quiet: whether not to tell what takes a while.

    Raises:
        InputError: it can't be written.
    """
    recipe, ngrams = run.config.recipe, ngram_layer(model)
    counts = isinstance(recipe.model, TransformerConfig) and recipe.model.counts_neighbours
    layers = [ngrams, model.get_layer("token_embedding") if counts else None]
    variables = [variable for layer in layers if layer is not None for variable in layer.weights]
    kept = Checkpoint.read(run.checkpoints / _FILE) if run.resumed else None
    if kept is not None:
        return assign(variables, _NAME, kept.arrays)
    if variables and not quiet:
        print("Counting in the texts, which takes a minute or two …", file=sys.stderr)
    if ngrams is not None:
        folder = run.checkpoints if run.checkpoints.is_dir() else None  # another process may have made it
        ngrams.adapt(ReviewBatches(train, tokenizer, recipe.inputs), class_weight, folder)
    if counts:
        adapt_embeddings(model, [train, *others], recipe.training.seed)
    if variables and run.devices.writes:
        Checkpoint(named(_NAME, variables), {}).write(run.checkpoints / _FILE)
