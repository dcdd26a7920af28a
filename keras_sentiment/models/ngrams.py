"""N-grams of tokens beside a deep model: a linear model of them, fitted first, joins its logits."""

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
    """Averages the logits of a deep model with those of a linear model of n-grams.

    The linear model gives a weight to each different token, pair of tokens and so on that a text
    holds; pairs and longer n-grams share hashed buckets (Weinberger et al. 2009, "Feature Hashing for Large
    Scale Multitask Learning"). `training.adaptation` fits it, before the deep model trains. Weights are kept
    of those n-grams alone that the train texts hold: `index` maps each to a row of `kernel`. In training
    the logits are the deep model's own, so that it learns as if it were alone: trained on the mean it would
    learn what the linear model leaves, and of the reviews that this one was fitted to it leaves next to
    nothing.

    Args:
        vocabulary_size: int.
        order: int, tokens of the longest n-gram.
        buckets: int, at most 2^21, that n-grams of two tokens and more share.
        share: float in [0, 1], of the linear model in the average. It may be changed, until the model
            computes.
        l2: float > 0, penalty on the linear model's weights.
        rows: int, of `kernel`: n-grams that have weights, and one of zeros, the first, for the others.
        adapted: whether the linear model has been fitted.
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
        # Two-dimensional, as the codes are; rows stay below 2^24 too.
        self.index = self.add_weight(
            shape=(self.vocabulary_size + self.buckets, 1),
            initializer="zeros",
            dtype="int32",
            trainable=False,
            name="index",
        )
        # Logits matter up to what is added to all of them: of two labels, the difference is kept.
        self.num_classes = logits_shape[-1]
        self._columns = 1 if self.num_classes == 2 else self.num_classes
        self.bias = self.add_weight(shape=(self._columns,), initializer="zeros", trainable=False, name="bias")
        self._add_kernel()
        self.built = True

    def _add_kernel(self) -> None:
        # The last weight, also when it is made anew.
        shape = (self.rows, self._columns)
        self.kernel = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="kernel")

    def resize(self, rows: int) -> None:
        """Makes `kernel` anew, zeros, with another number of rows; functions compiled before don't see it."""
        if rows != self.rows:
            self.rows = rows
            self._untrack_variable(self.kernel)
            self._tracker.unlock()  # as Keras's own layers do where they are quantized
            self._add_kernel()
            self._tracker.lock()

    def set_ngrams(self, ngrams: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> None:
        """Takes a fitted linear model.

        Args:
            ngrams: int64[kept], as of `ngrams_of`, those that have weights.
            weights: float32[kept, num_classes], what each adds to the logits.
            bias: float32[num_classes], what the logits begin with.
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
        """Adds float32[num_classes] to the logits of the linear model, whatever the text."""
        added = values[1:] - values[:1] if self._columns == 1 else values
        self.bias.assign(ops.convert_to_numpy(self.bias) + added)

    def _drawn(self, shape: tuple[int, ...], dtype: str) -> Any:
        return ops.convert_to_tensor(np.random.default_rng(0).integers(0, self.buckets, shape), dtype)

    def call(self, logits: Any, token_ids: Any, padding_mask: Any, training: bool | None = None) -> Any:
        """Maps logits float[batch, num_classes] and two int32[batch, length] to such logits."""
        if training:
            warn_unless_adapted(self, "its zeros shrink the logits of the deep model")
            return logits
        if self.share == 0:
            return logits
        linear = self.linear_logits(token_ids, padding_mask)
        return linear if self.share == 1 else (1 - self.share) * logits + self.share * linear

    def linear_logits(self, token_ids: Any, padding_mask: Any) -> Any:
        """Maps two int32[batch, length] to logits float[batch, num_classes], those of the n-grams alone."""
        found, counted = self.ngrams_of(token_ids, padding_mask)
        rows = ops.where(counted, ops.take(self.index, found, axis=0)[:, :, 0], 0)
        # [batch, order * length, num_classes]
        linear = ops.sum(ops.take(self.kernel, rows, axis=0), axis=1) + self.bias
        return ops.concatenate([-linear / 2, linear / 2], axis=1) if self._columns == 1 else linear

    def ngrams_of(self, token_ids: Any, padding_mask: Any) -> tuple[Any, Any]:
        """Maps two int32[batch, length] to n-grams int32[batch, order * length], and which of them count.

        Each different one of a text counts once. An n-gram is a place in `index`.
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
        """Returns the shape of the logits."""
        return logits_shape

    def load_own_variables(self, store: Any) -> None:
        super().load_own_variables(store)
        index = ops.convert_to_numpy(self.index)
        if index.min() < 0 or index.max() >= self.rows:
            raise ValueError(f"the index of {self.name} points beyond its {self.rows} rows")

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
    """Moves int32[batch, length] one position to the left, zeros behind it."""
    # Padded first: a row of one token leaves nothing to a slice, which no graph can be exported with.
    return ops.pad(tokens, [[0, 0], [0, 1]])[:, 1:]


def adapted_layers(model: keras.Model) -> Iterator[NgramEnsemble | TokenEmbedding]:
    """Yields the layers of a model and its parts that are fitted to the train reviews before it trains."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from adapted_layers(layer)
        elif isinstance(layer, (NgramEnsemble, TokenEmbedding)):
            yield layer


def ngram_layer(model: keras.Model) -> NgramEnsemble | None:
    """Returns the layer of n-grams that a model or one of its parts has, if it has one."""
    return next((layer for layer in adapted_layers(model) if isinstance(layer, NgramEnsemble)), None)


def with_ngrams(
    config: NgramConfig, logits: Any, token_ids: Any, padding_mask: Any, vocabulary_size: int
) -> Any:
    """Returns the logits of a deep model averaged with those of n-grams, as its config says."""
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
