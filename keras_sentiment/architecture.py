"""The sizes that a model is built from, in addition to its recipe and its labels; standard library only.

The `config.json` of a run contains them. So this library builds the model, and it reads only the weights from
the model file, which may be untrusted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from keras_sentiment.errors import require, require_at_most, require_choice

# The time to build a model grows with its number of layers; the largest BERT has 48.
MAX_LAYERS = 64
# Limit of `hidden_dim` and the like; the largest BERTs have 4,096.
MAX_WIDTH = 1 << 14
MAX_HEADS = 128
# Tokens. LaBSE, a BERT for 109 languages, has 501,153.
MAX_VOCABULARY = 1 << 19
# Attention scores of one row: heads * tokens ** 2. Each takes 4 bytes if the backend has no fused attention.
MAX_SCORES = 1 << 30


def require_row(num_heads: int, row_length: int) -> None:
    """Raises an InputError if the attention scores of a row of tokens would take too much memory."""
    expected = f"at most {int((MAX_SCORES / num_heads) ** 0.5):,} with {num_heads} attention heads"
    require(num_heads * row_length**2 <= MAX_SCORES, "sequence_length", row_length, expected)


@dataclass(frozen=True)
class BackboneConfig:
    """The architecture of a pretrained BERT, in the terms of `keras_hub.models.BertBackbone`.

    Args:
        num_layers: int, number of encoder blocks.
        num_heads: int, attention heads of a block; it divides `hidden_dim`.
        hidden_dim: int, width of the embeddings and of every block.
        intermediate_dim: int, width of the feed-forward layer in a block.
        max_sequence_length: int, number of position embeddings.
        num_segments: int, number of segment embeddings.
        activation: activation of the feed-forward layers: `"gelu"`, or `"gelu_approximate"`, which uses tanh.

    Raises:
        InputError: a value is not valid.
    """

    num_layers: int
    num_heads: int
    hidden_dim: int
    intermediate_dim: int
    max_sequence_length: int
    num_segments: int
    activation: Literal["gelu", "gelu_approximate"]

    def __post_init__(self) -> None:
        require_at_most(self, MAX_LAYERS, "num_layers")
        require_at_most(self, MAX_HEADS, "num_heads")
        widths = ("hidden_dim", "intermediate_dim", "max_sequence_length", "num_segments")
        require_at_most(self, MAX_WIDTH, *widths)
        divides = self.hidden_dim % self.num_heads == 0
        require(divides, "num_heads", self.num_heads, f"a divisor of hidden_dim ({self.hidden_dim})")
        require_choice(self, "activation", "gelu", "gelu_approximate")


@dataclass(frozen=True)
class Architecture:
    """The sizes that a model is built from, in addition to its recipe and its labels.

    Args:
        vocabulary_size: int, number of token embeddings.
        backbone: architecture of the pretrained BERT; `None` for a model without one.
        ngram_rows: int, rows of the linear n-gram model (`NgramEnsemble`); 0 for a model without one.
        ngram_weight: float in [0, 1], weight of the linear n-gram model in the average.

    Raises:
        InputError: a value is not valid.
    """

    vocabulary_size: int
    backbone: BackboneConfig | None = None
    ngram_rows: int = 0
    ngram_weight: float = 0.0

    def __post_init__(self) -> None:
        require_at_most(self, MAX_VOCABULARY, "vocabulary_size")
        require(self.ngram_rows >= 0, "ngram_rows", self.ngram_rows, "at least 0")
        require(0 <= self.ngram_weight <= 1, "ngram_weight", self.ngram_weight, "a number in [0, 1]")
