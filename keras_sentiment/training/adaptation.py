"""What a model takes from the texts before `fit`: vectors of tokens, a linear model of n-grams."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from keras_sentiment.batches.review_batches import ReviewBatches
from keras_sentiment.config import TransformerConfig
from keras_sentiment.data.encoded_split import Split
from keras_sentiment.errors import InputError
from keras_sentiment.models.ngrams import ngram_layer
from keras_sentiment.models.transformer import adapt_embeddings
from keras_sentiment.storage.disk_space import require_disk_space
from keras_sentiment.text.tokenizer import Tokenizer
from keras_sentiment.training.checkpoint_file import Checkpoint, assign, named
from keras_sentiment.training.run_writer import TrainingRun

_KIND, _FILE = "adapted", "adapted.npz"


def adapt(
    model: keras.Model,
    run: TrainingRun,
    train: Split,
    others: Sequence[Split],
    tokenizer: Tokenizer,
    class_weight: Mapping[int, float] | None,
    quiet: bool = False,
) -> None:
    """Fits to the texts what a model fits before it trains, and keeps it in a run that has begun.

    So a run that is resumed goes on with the same, and several processes have it of the one that writes.

    Args:
        train: the reviews that train, with the labels that are learned.
        others: texts beside them, without labels.
        quiet: whether not to tell what takes a while.

    Raises:
        InputError: it can't be written.
    """
    recipe, ngrams = run.config.recipe, ngram_layer(model)
    counts = isinstance(recipe.model, TransformerConfig) and recipe.model.counts_neighbours
    variables: list[Any] = [] if ngrams is None else [ngrams.kernel, ngrams.bias]
    if counts:
        variables += model.get_layer("token_embedding").weights
    if not variables:
        return
    path = run.checkpoints / _FILE
    if run.devices.writes and not (run.resumed and Checkpoint.read(path)):
        if ngrams is not None:
            _tell(quiet, "Fitting the n-grams …")
            batches = ReviewBatches(train, tokenizer, recipe.inputs)
            needed = 4 * ngrams.order * int(batches.lengths.sum())
            require_disk_space(run.checkpoints, needed, "the n-grams", "make room, or give --set ngrams=0")
            ngrams.adapt(batches, class_weight, run.checkpoints)
        if counts:
            _tell(quiet, "Counting neighbours of tokens …")
            adapt_embeddings(model, [train, *others], recipe.training.seed)
        Checkpoint(named(_KIND, variables), {}).write(path)
    run.devices.wait("read the texts")
    kept = Checkpoint.read(path)
    if kept is None:
        raise InputError(f"{path}: it can't be read; processes that train together share the run's folder")
    assign(variables, _KIND, kept.arrays)


def _tell(quiet: bool, line: str) -> None:
    if not quiet:
        print(line, file=sys.stderr)
