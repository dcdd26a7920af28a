"""The hyperparameters of models and of their inputs, with their defaults and checks.

Standard library only, so that a command can check its arguments and answer `--help` without
importing Keras.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from keras_sentiment.architecture import MAX_HEADS, MAX_LAYERS, MAX_WIDTH
from keras_sentiment.errors import (
    require,
    require_at_most,
    require_choice,
    require_positive,
    require_rates,
)

BACKENDS = ("torch", "jax", "tensorflow")
PRECISIONS = ("auto", "float32", "mixed_float16", "mixed_bfloat16")
RECIPES = ("default", "reference")
DEFAULT_SEED = 1337
AUTO_PRESET = "auto"  # of a BERT: the preset that the corpus was prepared with
SCORING_BATCH_TOKENS = 4096  # of a batch in evaluation and prediction, padding included
EXPLAINED_SPANS = 64  # most parts of a text that are left out in turn to explain its label
# Tokens. A padded row of it takes 64 MB where its tokens are compared with one another.
MAX_ROW_LENGTH = 8192
# Keras would look up other names among all functions that a program has registered.
ACTIVATIONS = ("elu", "gelu", "leaky_relu", "mish", "relu", "selu", "silu", "softplus", "tanh")


@dataclass(frozen=True)
class InputConfig:
    """How the ids of a text become a row of a model's input.

    Args:
        sequence_length: int in [3, 8192], most tokens a row holds, [CLS] and [SEP] included.
        truncation: what is kept of a longer text: `"head"` its beginning, `"head_tail"` a quarter from
            its beginning and the rest from its end: 128 and 382 of 510, as in Sun et al. 2019, "How
            to Fine-Tune BERT for Text Classification?", section 5.3.1.
        pad_to: `"longest"` pads to the batch's own bucket of lengths, a number pads every row to it.

    Raises:
        InputError: a value is not valid.

    Example:
        >>> InputConfig(sequence_length=128, truncation="head")
        InputConfig(sequence_length=128, truncation='head', pad_to='longest')
    """

    sequence_length: int = 512
    truncation: Literal["head", "head_tail"] = "head_tail"
    pad_to: Literal["longest"] | int = "longest"

    def __post_init__(self) -> None:
        expected = f"from 3 to {MAX_ROW_LENGTH}"
        require(
            3 <= self.sequence_length <= MAX_ROW_LENGTH, "sequence_length", self.sequence_length, expected
        )
        require_choice(self, "truncation", "head", "head_tail")
        fits = isinstance(self.pad_to, int) and self.sequence_length <= self.pad_to <= MAX_ROW_LENGTH
        expected = f"'longest' or a number from sequence_length ({self.sequence_length}) to {MAX_ROW_LENGTH}"
        require(self.pad_to == "longest" or fits, "pad_to", self.pad_to, expected)

    @property
    def row_length(self) -> int:
        """Tokens of the longest row, padding included."""
        return self.sequence_length if self.pad_to == "longest" else self.pad_to


@dataclass(frozen=True, kw_only=True)
class NgramConfig:
    """The linear model of n-grams whose logits are averaged with those of the neural network.

    Args:
        ngrams: int >= 0, tokens of the longest n-gram; 0 leaves the linear model out.
        ngram_buckets: int, hashed places that n-grams of two tokens and more share.
        ngram_weight: float in [0, 1], weight of the n-grams in the average of logits; `"auto"` takes 0.5
            during training, and then the one of 0, 0.25, 0.5, 0.75, 0.9 and 1 with the smallest log loss on
            validation.
        ngram_l2: float > 0, penalty on the linear model's weights, beside the sum of the reviews' losses.
    """

    ngrams: int = 3
    ngram_buckets: int = 2**20
    ngram_weight: float | Literal["auto"] = "auto"
    ngram_l2: float = 5.0

    def __post_init__(self) -> None:
        require(0 <= self.ngrams <= 5, "ngrams", self.ngrams, "from 0 to 5")
        fits = 1 <= self.ngram_buckets <= 2**21
        require(fits, "ngram_buckets", self.ngram_buckets, "from 1 to 2,097,152")
        weight = self.ngram_weight
        fits = weight == "auto" if isinstance(weight, str) else 0 <= weight <= 1
        require(fits, "ngram_weight", self.ngram_weight, "auto or a number in [0, 1]")
        require_positive(self, "ngram_l2")


@dataclass(frozen=True)
class TransformerConfig(NgramConfig):
    """The small Transformer encoder that is trained from scratch.

    The n-grams take no part while `fit` trains: the loss on train is that of the encoder alone, the loss on
    validation that of the average.

    Args:
        num_layers: int, encoder blocks, at most 64.
        num_heads: int, attention heads of a block.
        hidden_dim: int, width of the token embeddings and of every block; `num_heads` divides it.
        intermediate_dim: int, width of the feed-forward layer within a block.
        activation: of the feed-forward layer: `"elu"`, `"gelu"`, `"leaky_relu"`, `"mish"`, `"relu"`,
            `"selu"`, `"silu"`, `"softplus"` or `"tanh"`.
        norm_first: whether blocks normalize their inputs (pre-norm) or their sums (post-norm).
        position_embedding: whether tokens carry a learned embedding of their position.
        conv_kernel_size: int, odd, tokens that meet in a convolution before the blocks; 0 for none.
        pooling: `"distinct"` averages over distinct tokens, and beside the encoder's output the embeddings
            themselves; `"mean_padded"` over every position, padding included.
        embedding_dropout: float in [0, 1), on the sum of the embeddings.
        dropout: float in [0, 1), on the two outputs of a block and within its feed-forward layer.
        attention_dropout: float in [0, 1), on attention scores. Anything but 0 leaves the fused kernel.
        head_dropout: float in [0, 1), on the encoder's output after pooling.
        layer_norm_epsilon: float, added to variances in layer normalization.
        cooccurrence: whether the token embeddings start from counts of neighbouring tokens in the train and
            unlabelled texts, instead of from random numbers.
        initializer: `"keras"` or `"torch"`, whose default initializers the weights start from.
        pretrained: folder that `pretrain` wrote, whose weights the embeddings and blocks start with, or
            `None`.
        ngrams, ngram_buckets, ngram_weight, ngram_l2: of the linear model, as `NgramConfig` has them.

    Raises:
        InputError: a value is not valid.

    Example:
        >>> config = TransformerConfig(num_layers=1, hidden_dim=64, ngrams=0)
    """

    num_layers: int = 2
    num_heads: int = 4
    hidden_dim: int = 128
    intermediate_dim: int = 256
    activation: str = "gelu"
    norm_first: bool = True
    position_embedding: bool = True
    conv_kernel_size: int = 5
    pooling: Literal["distinct", "mean_padded"] = "distinct"
    embedding_dropout: float = 0.2
    dropout: float = 0.1
    attention_dropout: float = 0.0
    head_dropout: float = 0.3
    layer_norm_epsilon: float = 1e-5
    cooccurrence: bool = True
    initializer: Literal["keras", "torch"] = "keras"
    pretrained: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_most(self, MAX_LAYERS, "num_layers")
        require_at_most(self, MAX_HEADS, "num_heads")
        require_at_most(self, MAX_WIDTH, "hidden_dim", "intermediate_dim")
        require_choice(self, "activation", *ACTIVATIONS)
        require_positive(self, "layer_norm_epsilon")
        require_rates(self, "embedding_dropout", "dropout", "attention_dropout", "head_dropout")
        require_choice(self, "pooling", "distinct", "mean_padded")
        require_choice(self, "initializer", "keras", "torch")
        fits = self.conv_kernel_size == 0 or self.conv_kernel_size in range(1, 32, 2)
        require(fits, "conv_kernel_size", self.conv_kernel_size, "0, or an odd number up to 31")
        divides = self.hidden_dim % self.num_heads == 0
        require(divides, "num_heads", self.num_heads, f"a divisor of hidden_dim ({self.hidden_dim})")

    @property
    def uses_cooccurrence(self) -> bool:
        """Whether the texts are counted before training: not where embeddings come trained."""
        return self.cooccurrence and self.pretrained is None


@dataclass(frozen=True)
class MaskedLMConfig(TransformerConfig):
    """The encoder of a `TransformerConfig`, and how it learns from unlabelled texts.

    Args:
        mask_rate: float in (0, 1), share of the tokens that the model predicts. As in BERT, 80% of them are
            replaced by [MASK], 10% by another token, and 10% stay.
    """

    mask_rate: float = 0.15

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 < self.mask_rate < 1, "mask_rate", self.mask_rate, "a number in (0, 1)")
        require(
            self.pretrained is None,
            "pretrained",
            self.pretrained,
            "left out: pretraining starts from random weights",
        )


@dataclass(frozen=True)
class BertConfig(NgramConfig):
    """A pretrained BERT with a new classification head. Its n-grams are those of `TransformerConfig`.

    Args:
        preset: `"minilm"`, a KerasHub preset, or a local folder in KerasHub or Hugging Face layout; `"auto"`
            takes the one whose vocabulary the corpus was prepared with.
        trainable_blocks: int >= 0, how many of the last encoder blocks train; `"all"` trains the whole
            backbone, embeddings included.
        pooling: `"mean"` over real tokens, with a dense tanh layer of the head's own behind it;
            `"cls"` the backbone's pooler over [CLS].
        dropout: float in [0, 1), inside the blocks that train, on attention scores too: KerasHub has one
            rate. Above 0 it leaves the fused kernel.
        head_dropout: float in [0, 1), before the logits.
        cache_frozen: whether the output of the frozen part is computed once for each text and kept on disk,
            as float16, while the rest trains.
        ngrams, ngram_buckets, ngram_weight, ngram_l2: of the linear model, as `NgramConfig` has them.

    Raises:
        InputError: a value is not valid.

    Example:
        >>> config = BertConfig(preset="minilm", trainable_blocks=2)
    """

    preset: str = AUTO_PRESET
    trainable_blocks: int | Literal["all"] = 4
    pooling: Literal["mean", "cls"] = "mean"
    dropout: float = 0.0
    head_dropout: float = 0.1
    cache_frozen: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cache_frozen:
            partly = self.trainable_blocks != "all"
            require(partly, "trainable_blocks", self.trainable_blocks, "a number where cache_frozen is set")
        valid = self.trainable_blocks == "all" or self.trainable_blocks >= 0
        require(valid, "trainable_blocks", self.trainable_blocks, "all or a number >= 0")
        require_rates(self, "dropout", "head_dropout")
        require_choice(self, "pooling", "mean", "cls")
