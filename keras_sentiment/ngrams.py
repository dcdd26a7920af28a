"""N-grams of tokens, each with a weight of its own: a linear model beside a deep one, and what joins them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_sentiment.batches import ReviewBatches
from keras_sentiment.config import NgramConfig

_PACKAGE = "keras_sentiment"


@keras.saving.register_keras_serializable(_PACKAGE)
class NgramLogits(keras.layers.Layer):
    """Sums a weight for each different token, pair of tokens and so on that a text holds.

    NB-SVM's features (Wang & Manning 2012, "Baselines and Bigrams: Simple, Good Sentiment and Topic
    Classification", section 2): an n-gram that occurs counts once, and the weight that is trained for it is
    multiplied by its log-count ratio, which `adapt` counts. Pairs and longer n-grams share hashed buckets
    (Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask Learning").

    Args:
        vocabulary_size: int.
        num_classes: int.
        order: int, tokens of the longest n-gram.
        buckets: int, at most 2^21, that n-grams of two tokens and more share.
        gain: float > 0, multiplies the ratios: what trains by Adam learns as with a rate that is so much
            larger.
    """

    def __init__(
        self,
        vocabulary_size: int,
        num_classes: int,
        order: int = 3,
        buckets: int = 2**20,
        gain: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.num_classes = num_classes
        self.order = order
        self.buckets = buckets
        self.gain = gain

    def build(self, *_: Any) -> None:
        # Where an n-gram goes is a sum of random numbers, one for each token and place in it (tabulation
        # hashing, Patrascu and Thorup 2012): it scatters what a product would let meet, and stays below
        # 2^24, as some runtimes compute with whole numbers in float32. The numbers are kept with the model.
        self.codes = self.add_weight(
            shape=(self.order * self.vocabulary_size, 1),
            initializer=self._drawn,
            dtype="int32",
            trainable=False,
            name="codes",
        )
        shape = (self.vocabulary_size + self.buckets, self.num_classes)
        self.ratios = self.add_weight(shape=shape, initializer="ones", trainable=False, name="ratios")
        self.kernel = self.add_weight(shape=shape, initializer="zeros", name="kernel")
        self.built = True

    def _drawn(self, shape: tuple[int, ...], dtype: str) -> Any:
        return ops.convert_to_tensor(np.random.default_rng(0).integers(0, self.buckets, shape), dtype)

    def adapt(self, batches: ReviewBatches) -> None:
        """Counts in how many reviews of each class an n-gram occurs."""
        counts = np.ones((*self.ratios.shape,))
        shares = batches.split.probabilities(self.num_classes)
        for rows, inputs in batches.for_scoring():
            found, counted = self._found(inputs["token_ids"], inputs["padding_mask"])
            line, column = np.nonzero(ops.convert_to_numpy(counted))
            np.add.at(counts, ops.convert_to_numpy(found)[line, column], shares[rows[line]])
        others = counts.sum(axis=1, keepdims=True) - counts
        ratios = np.log((counts / counts.sum(axis=0)) / (others / others.sum(axis=0)))
        self.ratios.assign(self.gain * ratios)

    def call(self, token_ids: Any, padding_mask: Any) -> Any:
        """Maps two int32[batch, length] to logits float[batch, num_classes]."""
        found, counted = self._found(token_ids, padding_mask)
        weights = ops.take(self.ratios, found, axis=0) * ops.take(self.kernel, found, axis=0)
        # [batch, order * length, num_classes]
        return ops.sum(weights * ops.cast(counted, weights.dtype)[:, :, None], axis=1)

    def _found(self, token_ids: Any, padding_mask: Any) -> tuple[Any, Any]:
        """Returns n-grams int32[batch, order * length] and which of them count: each different one once."""
        none = self.vocabulary_size + self.buckets
        real = ops.cast(padding_mask, "bool")
        total, ngrams = self._coded(token_ids, 0), [ops.where(real, token_ids, none)]
        for place in range(1, self.order):
            token_ids, padding_mask = _shifted(token_ids), _shifted(padding_mask)
            real = ops.logical_and(real, ops.cast(padding_mask, "bool"))
            total = total + self._coded(token_ids, place)
            hashed = self.vocabulary_size + ops.mod(total, self.buckets)
            ngrams.append(ops.where(real, hashed, none))
        found = ops.sort(ops.concatenate(ngrams, axis=1), axis=1)
        before = ops.pad(found, [[0, 0], [1, 0]], constant_values=-1)[:, :-1]
        counted = ops.logical_and(ops.not_equal(found, before), found < none)
        return ops.where(counted, found, 0), counted

    def _coded(self, token_ids: Any, place: int) -> Any:
        return ops.take(self.codes, token_ids + place * self.vocabulary_size, axis=0)[:, :, 0]

    def compute_output_shape(self, token_ids_shape: tuple[Any, ...], *_: Any) -> tuple[Any, ...]:
        """Returns (batch, num_classes)."""
        return (token_ids_shape[0], self.num_classes)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "num_classes": self.num_classes,
            "order": self.order,
            "buckets": self.buckets,
            "gain": self.gain,
        }


def _shifted(tokens: Any) -> Any:
    """Moves int32[batch, length] one position to the left, zeros behind it."""
    # Padded first: a row of one token leaves nothing to a slice, which no graph can be exported with.
    return ops.pad(tokens, [[0, 0], [0, 1]])[:, 1:]


@keras.saving.register_keras_serializable(_PACKAGE)
class Ensemble(keras.layers.Layer):
    """Averages the logits of several models, each of which learns as if it were alone.

    Trained on their sum, the one that learns fastest would leave the others no error to learn from. The
    gradient of the cross-entropy reaches each of them as softmax(average) - label; the divergence that is
    added to the loss here makes it softmax(its own logits) - label.

    Args:
        weights: floats that add up to 1, one for each model.
    """

    def __init__(self, weights: Sequence[float], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shares = list(weights)

    def call(self, inputs: Sequence[Any], padding_mask: Any = None, training: bool | None = None) -> Any:
        """Maps several logits float[batch, num_classes] to one.

        Args:
            padding_mask: int32[batch, length], tells the rows that only fill a batch: they hold no [SEP].
                Models that were saved earlier go without.
        """
        logits = sum(share * member for share, member in zip(self.shares, inputs, strict=True))
        if training:
            mask = ops.ones_like(logits) if padding_mask is None else padding_mask
            real = ops.cast(mask[:, 1], logits.dtype)  # [batch]
            target = ops.stop_gradient(ops.log_softmax(logits))
            for share, member in zip(self.shares, inputs, strict=True):
                divergence = ops.sum(ops.exp(target) * (target - ops.log_softmax(member)), axis=-1)
                self.add_loss(share * ops.sum(divergence * real) / ops.maximum(ops.sum(real), 1))
        return logits

    def compute_output_shape(self, inputs_shape: Sequence[tuple[Any, ...]], *_: Any) -> tuple[Any, ...]:
        """Returns the shape of each of the inputs."""
        return tuple(inputs_shape[0])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "weights": self.shares}


def adapt_ngrams(model: keras.Model, batches: ReviewBatches) -> None:
    """Counts the n-grams of the train reviews for a model that has weights for them, or for its parts."""
    for layer in model.layers:
        if isinstance(layer, NgramLogits):
            layer.adapt(batches)
        elif isinstance(layer, keras.Model):
            adapt_ngrams(layer, batches)


def with_ngrams(
    config: NgramConfig, logits: Any, token_ids: Any, padding_mask: Any, vocabulary_size: int
) -> Any:
    """Returns the logits of a deep model averaged with those of n-grams, as its config says."""
    if not config.ngrams:
        return logits
    linear = NgramLogits(
        vocabulary_size,
        logits.shape[-1],
        config.ngrams,
        config.ngram_buckets,
        config.ngram_gain,
        dtype="float32",
        name="ngrams",
    )(token_ids, padding_mask)
    shares = [1 - config.ngram_share, config.ngram_share]
    return Ensemble(shares, dtype="float32", name="ensemble")([logits, linear], padding_mask)
