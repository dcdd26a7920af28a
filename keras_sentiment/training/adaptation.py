"""What a model takes from the texts before `fit`: vectors of tokens, a linear model of n-grams."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from keras_sentiment.batches.review_batches import ReviewBatches
from keras_sentiment.config import DEFAULT_SEED, TransformerConfig
from keras_sentiment.data.encoded_split import Split
from keras_sentiment.errors import InputError
from keras_sentiment.models.layers import TokenEmbedding
from keras_sentiment.models.ngrams import NgramEnsemble, adapted_layers, ngram_layer
from keras_sentiment.storage.disk_space import require_disk_space
from keras_sentiment.text.tokenizer import Tokenizer
from keras_sentiment.training.checkpoint_file import Checkpoint, restore, to_arrays
from keras_sentiment.training.cooccurrence import token_vectors
from keras_sentiment.training.nbsvm import Batch, fit_nbsvm
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
    counts = isinstance(recipe.model, TransformerConfig) and recipe.model.uses_cooccurrence
    variables: list[Any] = [] if ngrams is None else [ngrams.kernel, ngrams.bias]
    fitted: list[Any] = [] if ngrams is None else [ngrams]
    if counts:
        fitted.append(model.get_layer("token_embedding"))
        variables += fitted[-1].weights
    if not variables:
        return
    path = run.checkpoints / _FILE
    if run.devices.writes and not (run.resumed and Checkpoint.read(path)):
        if ngrams is not None:
            _tell(quiet, "Fitting the n-grams …")
            batches = ReviewBatches(train, tokenizer, recipe.inputs)
            needed = 4 * ngrams.order * int(batches.lengths.sum())
            require_disk_space(run.checkpoints, needed, "the n-grams", "make room, or give --set ngrams=0")
            adapt_ngrams(ngrams, batches, class_weight, run.checkpoints)
        if counts:
            _tell(quiet, "Counting neighbours of tokens …")
            adapt_embeddings(model, [train, *others], recipe.training.seed)
        Checkpoint(to_arrays(_KIND, variables), {}).write(path)
    run.devices.wait("read the texts")
    kept = Checkpoint.read(path)
    if kept is None:
        raise InputError(f"{path}: it can't be read; processes that train together share the run's folder")
    restore(variables, _KIND, kept.arrays)
    for layer in fitted:
        layer.adapted = True


def adapt_model(
    model: keras.Model,
    train: ReviewBatches,
    unlabelled: Split | None = None,
    class_weight: Mapping[int, float] | None = None,
    seed: int = DEFAULT_SEED,
) -> None:
    """Fits to the train reviews what a new model fits before `model.fit`; `train` does it too.

    The linear model of n-grams is fitted (Wang & Manning 2012, NB-SVM), and the token embeddings of a model
    that trains from scratch start from counts of which tokens stand near one another. A layer that was
    adapted before, as in a saved model, stays as it is.

    Args:
        model: from `build_transformer` or `build_bert`.
        train: the batches that will train it.
        unlabelled: more texts to count in, such as `corpus.unlabelled`.
        class_weight: weight of each label's loss, by its position.
        seed: int, of the token embeddings.

    Raises:
        InputError: the model has trained already.

    Example:
        >>> vocabulary_size = corpus.tokenizer().vocabulary_size
        >>> model = build_transformer(TransformerConfig(num_layers=1), vocabulary_size, 64, num_classes=2)
        >>> inputs = InputConfig(sequence_length=64)
        >>> train = ReviewBatches(corpus.splits["train"], corpus.tokenizer(), inputs, batch_size=8, seed=1)
        >>> adapt_model(model, train)
        >>> model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        >>> history = model.fit(train, epochs=2, verbose=0)
    """
    waiting = [layer.name for layer in adapted_layers(model) if not layer.adapted]
    optimizer = getattr(model, "optimizer", None)
    if waiting and optimizer is not None and int(optimizer.iterations) > 0:
        raise InputError(
            f"the model has trained, and adapting would replace its {' and '.join(waiting)} now; "
            "build it anew and call adapt_model before fit"
        )
    ngrams = ngram_layer(model)
    if ngrams is not None and not ngrams.adapted:
        adapt_ngrams(ngrams, train, class_weight)
    if any(isinstance(layer, TokenEmbedding) and not layer.adapted for layer in model.layers):
        adapt_embeddings(model, [train.split] + ([] if unlabelled is None else [unlabelled]), seed)


def adapt_embeddings(model: keras.Model, splits: Sequence[Split], seed: int) -> None:
    """Lets the token embeddings of a model that is not trained yet start from its texts."""
    layer = model.get_layer("token_embedding")
    vocabulary_size, hidden_dim = layer.embeddings.shape
    layer.set_weights([token_vectors(splits, vocabulary_size, hidden_dim, seed)])
    layer.adapted = True


def adapt_ngrams(
    layer: NgramEnsemble,
    batches: ReviewBatches,
    class_weight: Mapping[int, float] | None = None,
    folder: Path | None = None,
) -> None:
    """Fits the linear model of n-grams to the train reviews (`nbsvm`).

    Args:
        batches: of them; their own order and word dropout don't matter.
        class_weight: of the loss of each label.
        folder: for a temporary file of four bytes for each n-gram of each review.

    Raises:
        InputError: it can't be written.
    """
    # In the order of length, and without word dropout, which makes pairs that nobody wrote.
    whole = ReviewBatches(batches.split, batches.tokenizer, batches.inputs)
    size = layer.kernel.shape[0]
    kernel, bias = fit_nbsvm(_ngram_batches(layer, whole), size, layer.l2, class_weight, folder)
    layer.kernel.assign(kernel)
    layer.bias.assign(bias)
    layer.adapted = True


def _ngram_batches(layer: NgramEnsemble, batches: ReviewBatches) -> Iterator[Batch]:
    targets = batches.split.targets(layer.kernel.shape[1])
    for rows, inputs in batches.for_scoring():
        found, counted = map(keras.ops.convert_to_numpy, layer.ngrams_of(**inputs))
        yield Batch(found[counted], counted.sum(axis=1), targets[rows])


def _tell(quiet: bool, line: str) -> None:
    if not quiet:
        print(line, file=sys.stderr)
