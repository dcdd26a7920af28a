"""The linear model of n-grams, as a layer whose logits are averaged with those of an encoder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_sentiment.config import NgramConfig
from keras_sentiment.models.layers import TokenEmbedding, warn_unless_adapted

_PACKAGE = "keras_sentiment"


@keras.saving.register_keras_serializable(_PACKAGE)
class NgramEnsemble(keras.layers.Layer):
    """Averages the logits of an encoder with the logits of a linear model of n-grams.

    The linear model has a weight for each distinct n-gram of a text. N-grams of two and more tokens share
    hashed buckets. `training.adaptation` fits the weights before the encoder trains. The layer stores
    weights only for n-grams of the train texts: `index` maps an n-gram to a row of `kernel`.

    In training the layer returns the encoder's logits unchanged. If the encoder were trained on the average,
    it would learn only from the errors of the linear model, and on its own train texts that has few.

    Args:
        vocabulary_size: int, the number of tokens.
        order: int, the number of tokens in the longest n-gram.
        buckets: int, at most 2^21, the number of hashed buckets.
        share: float in [0, 1], the weight of the linear model in the average. It can be changed until the
            model is first called.
        l2: float > 0, L2 penalty on the weights of the linear model.
        rows: int, rows of `kernel`. The first row is zeros, for n-grams without weights.
        adapted: bool, whether the linear model is fitted.

    Call arguments:
        logits: float[batch, num_classes], logits of the encoder.
        token_ids: int32[batch, length].
        padding_mask: int32[batch, length], 1 for a token and 0 for padding.
        training: bool.

    Returns:
        float[batch, num_classes].

    References:
        Wang & Manning 2012, "Baselines and Bigrams: Simple, Good Sentiment and Topic Classification".
        Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask Learning".
        Patrascu & Thorup 2012, "The Power of Simple Tabulation Hashing".

    Example:
        >>> layer = NgramEnsemble(100, order=2, buckets=64, share=0.5, l2=5.0)
        >>> tuple(layer(ops.ones((1, 2)), ops.ones((1, 5), "int32"), ops.ones((1, 5), "int32")).shape)
        (1, 2)
    """

    def __init__(
        self,
        vocabulary_size: int,
        order: int,
        buckets: int,
        share: float,
        l2: float,
        rows: int = 1,
        adapted: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.order = order
        self.buckets = buckets
        self.share = share
        self.l2 = l2
        self.rows = rows
        self.adapted = adapted

    def build(self, logits_shape: tuple[Any, ...], *_: Any) -> None:
        # The hash of an n-gram is a sum of random codes, one for each pair of token and position (tabulation
        # hashing). It has fewer collisions than a linear hash. Sums stay below 2^24 because some runtimes
        # store integers as float32.
        self.codes = self.add_weight(
            shape=(self.order * self.vocabulary_size, 1),
            initializer=self._random_codes,
            dtype="int32",
            trainable=False,
            name="codes",
        )
        self.index = self.add_weight(
            shape=(self.vocabulary_size + self.buckets, 1),
            initializer="zeros",
            dtype="int32",
            trainable=False,
            name="index",
        )
        # With two labels only the difference of their logits matters, so one column is enough.
        self.num_classes = logits_shape[-1]
        self._columns = 1 if self.num_classes == 2 else self.num_classes
        self.bias = self.add_weight(shape=(self._columns,), initializer="zeros", trainable=False, name="bias")
        self._add_kernel()
        self.built = True

    def _add_kernel(self) -> None:
        # `kernel` is always the last weight, so that the order of weights does not depend on `resize`.
        shape = (self.rows, self._columns)
        self.kernel = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="kernel")

    def resize(self, rows: int) -> None:
        """Replaces `kernel` by zeros with another number of rows.

        Functions that were compiled before still use the old kernel.
        """
        if rows != self.rows:
            self.rows = rows
            self._untrack_variable(self.kernel)
            self._tracker.unlock()  # Keras's own layers do the same when they are quantized
            self._add_kernel()
            self._tracker.lock()

    def set_ngrams(self, ngrams: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> None:
        """Sets the weights of the linear model.

        Args:
            ngrams: int64[kept], n-grams as `ngrams_of` returns them.
            weights: float32[kept, num_classes], the weights of each n-gram.
            bias: float32[num_classes].
        """
        if len(bias) == 2:
            weights, bias = weights[:, 1:] - weights[:, :1], bias[1:] - bias[:1]
        self.resize(len(ngrams) + 1)
        index = np.zeros(self.index.shape, "int32")
        index[ngrams, 0] = np.arange(1, self.rows)
        self.index.assign(index)
        self.kernel.assign(np.concatenate([np.zeros((1, self._columns), "float32"), weights]))
        self.bias.assign(bias)
        self.adapted = True

    def add_to_logits(self, values: np.ndarray) -> None:
        """Adds float32[num_classes] to the bias of the linear model."""
        added = values[1:] - values[:1] if self._columns == 1 else values
        self.bias.assign(ops.convert_to_numpy(self.bias) + added)

    def _random_codes(self, shape: tuple[int, ...], dtype: str) -> Any:
        return ops.convert_to_tensor(np.random.default_rng(0).integers(0, self.buckets, shape), dtype)

    def call(self, logits: Any, token_ids: Any, padding_mask: Any, training: bool | None = None) -> Any:
        if training:
            warn_unless_adapted(self, "its weights are zeros and shrink the logits of the encoder")
            return logits
        if self.share == 0:
            return logits
        linear = self.linear_logits(token_ids, padding_mask)
        return linear if self.share == 1 else (1 - self.share) * logits + self.share * linear

    def linear_logits(self, token_ids: Any, padding_mask: Any) -> Any:
        """Returns the logits of the linear model alone, float[batch, num_classes]."""
        found, counted = self.ngrams_of(token_ids, padding_mask)
        rows = ops.where(counted, ops.take(self.index, found, axis=0)[:, :, 0], 0)
        # [batch, order * length, num_classes]
        linear = ops.sum(ops.take(self.kernel, rows, axis=0), axis=1) + self.bias
        return ops.concatenate([-linear / 2, linear / 2], axis=1) if self._columns == 1 else linear

    def ngrams_of(self, token_ids: Any, padding_mask: Any) -> tuple[Any, Any]:
        """Returns the n-grams of texts, and which of them count.

        Args:
            token_ids: int32[batch, length].
            padding_mask: int32[batch, length].

        Returns:
            n-grams int32[batch, order * length], each a row number of `index`; and
            bool[batch, order * length], true once for each distinct n-gram of a text.
        """
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

    def compute_output_shape(self, logits_shape: tuple[Any, ...], *_: Any) -> tuple[Any, ...]:
        return logits_shape

    def load_own_variables(self, store: Any) -> None:
        super().load_own_variables(store)
        index = ops.convert_to_numpy(self.index)
        if index.min() < 0 or index.max() >= self.rows:
            raise ValueError(f"{self.name}: its index has row numbers outside its {self.rows} rows")

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "order": self.order,
            "buckets": self.buckets,
            "share": self.share,
            "l2": self.l2,
            "rows": self.rows,
            "adapted": self.adapted,
        }


def _shifted(tokens: Any) -> Any:
    """Shifts int32[batch, length] one position to the left and fills with zeros."""
    # Padding comes before slicing, because a graph with an empty slice cannot be exported.
    return ops.pad(tokens, [[0, 0], [0, 1]])[:, 1:]


def adapted_layers(model: keras.Model) -> Iterator[NgramEnsemble | TokenEmbedding]:
    """Yields the layers that `adapt_model` fits, those in nested models included."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from adapted_layers(layer)
        elif isinstance(layer, (NgramEnsemble, TokenEmbedding)):
            yield layer


def ngram_layer(model: keras.Model) -> NgramEnsemble | None:
    """Returns the n-gram layer of a model or of its nested models, or `None`."""
    return next((layer for layer in adapted_layers(model) if isinstance(layer, NgramEnsemble)), None)


def with_ngrams(
    config: NgramConfig, logits: Any, token_ids: Any, padding_mask: Any, vocabulary_size: int
) -> Any:
    """Returns the logits of an encoder, averaged with those of n-grams if `config.ngrams` is not 0."""
    if not config.ngrams:
        return logits
    return NgramEnsemble(
        vocabulary_size,
        config.ngrams,
        config.ngram_buckets,
        0.5 if config.ngram_weight == "auto" else config.ngram_weight,
        config.ngram_l2,
        dtype="float32",
        name="ngrams",
    )(logits, token_ids, padding_mask)
