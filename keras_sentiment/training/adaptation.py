"""What is fitted to the texts before `model.fit`: token embeddings and a linear model of n-grams."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_sentiment.batches.review_batches import ReviewBatches
from keras_sentiment.config import DEFAULT_SEED, TransformerConfig
from keras_sentiment.data.encoded_split import Split
from keras_sentiment.errors import InputError
from keras_sentiment.machine import available_memory
from keras_sentiment.messages import tell
from keras_sentiment.models.layers import TokenEmbedding
from keras_sentiment.models.ngrams import NgramEnsemble, adapted_layers, ngram_layer
from keras_sentiment.progress import phase
from keras_sentiment.quantities import plural
from keras_sentiment.storage.disk_space import require_disk_space
from keras_sentiment.text.tokenizer import Tokenizer
from keras_sentiment.training.checkpoint_file import Checkpoint, restore, to_arrays
from keras_sentiment.training.cooccurrence import token_vectors
from keras_sentiment.training.nbsvm import Batch, fit_nbsvm, memory_needed, most_weights
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
    """Fits the n-grams and the token embeddings of a model, and saves them in a run that has begun.

    A run that is resumed reads them back, and so do the other processes if several train.

    Args:
        train: the reviews that train.
        others: further texts, without labels.
        quiet: whether to show no progress.

    Raises:
        InputError: the result can't be written.
    """
    recipe, ngrams = run.config.recipe, ngram_layer(model)
    counts = isinstance(recipe.model, TransformerConfig) and recipe.model.uses_cooccurrence
    fitted: list[Any] = [] if ngrams is None else [ngrams]
    if counts:
        fitted.append(model.get_layer("token_embedding"))
    if not fitted:
        return
    path = run.checkpoints / _FILE
    if run.devices.writes and not (run.resumed and Checkpoint.read(path)):
        if ngrams is not None:
            batches = ReviewBatches(train, tokenizer, recipe.inputs)
            on = f"the n-grams on {plural(len(train), 'review')}"
            with phase(f"Fitting {on}", f"Fitted {on}", quiet):
                left_out = adapt_ngrams(ngrams, batches, class_weight, run.checkpoints)
            for line in left_out if not quiet else ():
                tell(line)
        if counts:
            of = f"neighbouring tokens in {plural(len(train) + sum(map(len, others)), 'text')}"
            with phase(f"Counting {of}", f"Counted {of}", quiet):
                adapt_embeddings(model, [train, *others], recipe.training.seed)
        state = {} if ngrams is None else {"rows": ngrams.rows}
        Checkpoint(to_arrays(_KIND, _weights(fitted)), state).write(path)
    run.devices.wait("read the texts")
    kept = Checkpoint.read(path)
    if kept is None:
        raise InputError(f"{path}: it can't be read; processes that train together must share this folder")
    if ngrams is not None:
        ngrams.resize(kept.state["rows"])
    restore(_weights(fitted), _KIND, kept.arrays)
    for layer in fitted:
        layer.adapted = True


def _weights(layers: Sequence[keras.layers.Layer]) -> list[Any]:
    return [weight for layer in layers for weight in layer.weights]


def require_room(model: keras.Model, run: TrainingRun, train: Split, tokenizer: Tokenizer) -> None:
    """Refuses a new run, before it begins, whose n-grams need more memory or disk than there may be.

    Raises:
        InputError: names the bytes that are needed and the fix.
    """
    ngrams = ngram_layer(model)
    if ngrams is None or run.resumed or not run.devices.writes:
        return
    tokens = int(ReviewBatches(train, tokenizer, run.config.recipe.inputs).lengths.sum())
    occurring, labels = ngrams.order * tokens, len(run.config.labels)
    weights = most_weights(min(occurring, ngrams.index.shape[0]), labels)
    fix = "give --set ngrams=1, fewer --set ngram_buckets=…, or --set ngrams=0"
    needed, free = memory_needed(weights), available_memory()
    if free is not None and needed > free:
        raise InputError(
            f"{run.path}: fitting the n-grams of {labels:,} labels may take {needed / 1e9:.2g} GB of memory, "
            f"{free / 1e9:.2g} GB are free; {fix}"
        )
    # The file of n-grams; then the checkpoint and the model, each with the weights and the index.
    needed = 4 * occurring + 2 * 4 * (weights + ngrams.index.shape[0])
    require_disk_space(run.checkpoints, needed, "the n-grams", f"make room, or {fix}")


def adapt_model(
    model: keras.Model,
    train: ReviewBatches,
    unlabelled: Split | None = None,
    class_weight: Mapping[int, float] | None = None,
    seed: int = DEFAULT_SEED,
) -> None:
    """Fits the n-grams and the token embeddings of a new model before `model.fit`, as `train` does.

    The linear model of n-grams is fitted (Wang & Manning 2012, NB-SVM), and the token embeddings of a model
    that trains from scratch start from counts of neighbouring tokens. A layer that was adapted before, as
    in a saved model, stays as it is.

    Args:
        model: from `build_transformer` or `build_bert`.
        train: the batches that will train it.
        unlabelled: more texts to count in, such as `corpus.unlabelled`.
        class_weight: weight of each label's loss, by its position.
        seed: int, of the token embeddings.

    Warns:
        UserWarning: of many labels, n-grams that few texts hold are left out.

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
        for line in adapt_ngrams(ngrams, train, class_weight):
            warnings.warn(line, stacklevel=2)
        # What was compiled with the kernel that was there before.
        model.train_function = model.test_function = model.predict_function = None
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
) -> list[str]:
    """Fits the linear model of n-grams to the train reviews (`nbsvm`).

    Args:
        batches: the batches of the train reviews; their order and word dropout are ignored.
        class_weight: weight of each label's loss.
        folder: of a temporary file, of four bytes for each n-gram of each review.

    Returns:
        A message for the user if n-grams were left out.

    Raises:
        InputError: the file can't be written.
    """
    # Without word dropout, which would make pairs of words that do not follow one another.
    whole = ReviewBatches(batches.split, batches.tokenizer, batches.inputs)
    found = fit_nbsvm(_ngram_batches(layer, whole), layer.num_classes, layer.l2, class_weight, folder)
    layer.set_ngrams(found.features, found.weights, found.bias)
    kept = len(found.features)
    if kept == found.occurring:
        return []
    return [
        f"N-grams: {found.occurring:,} occur, and the {kept:,} most frequent are kept, since each has a "
        f"weight for each of {layer.num_classes:,} labels."
    ]


def _ngram_batches(layer: NgramEnsemble, batches: ReviewBatches) -> Iterator[Batch]:
    soft = batches.split.soft_labels
    targets = np.asarray(batches.split.labels) if soft is None else soft
    for rows, inputs in batches.for_scoring():
        found, counted = map(keras.ops.convert_to_numpy, layer.ngrams_of(**inputs))
        yield Batch(found[counted], counted.sum(axis=1), targets[rows])
