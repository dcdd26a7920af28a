"""What a model is built from beside its recipe and its labels; standard library only.

A run keeps it in its `config.json`, so that its model is built by this library alone and of its file the
weights are read and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from keras_sentiment.errors import require, require_at_most, require_choice

# Building a model takes as long as it has layers, whatever its weights; BERT's largest has 48.
MAX_LAYERS = 64
# Of any size within a model, such as the width of a block, of which the largest BERTs have 4,096.
MAX_WIDTH = 1 << 14
MAX_HEADS = 128
# Tokens: LaBSE, a BERT of a hundred languages, has 501,153.
MAX_VOCABULARY = 1 << 19
# Attention scores of a row, four bytes each where the backend does not fuse them: heads times tokens squared.
MAX_SCORES = 1 << 30


def require_row(num_heads: int, row_length: int) -> None:
    """Raises an InputError for a row whose attention would take all memory."""
    expected = f"at most {int((MAX_SCORES / num_heads) ** 0.5):,} with {num_heads} attention heads"
    require(num_heads * row_length**2 <= MAX_SCORES, "sequence_length", row_length, expected)


@dataclass(frozen=True)
class BackboneConfig:
    """The architecture of a pretrained BERT, in the terms of `keras_hub.models.BertBackbone`.

    Args:
        num_layers: int, encoder blocks.
        num_heads: int, attention heads of a block; divides `hidden_dim`.
        hidden_dim: int, width of the embeddings and of every block.
        intermediate_dim: int, width of the feed-forward layer within a block.
        max_sequence_length: int, positions that have an embedding.
        num_segments: int, segments that have one.
        activation: of the feed-forward layers: `"gelu"`, or `"gelu_approximate"` by tanh.

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
    """What a model is built from beside its recipe and its labels.

    Args:
        vocabulary_size: int, tokens that have an embedding.
        backbone: the architecture of its pretrained BERT; `None` of a model without one.
        ngram_rows: int, rows of the linear model of n-grams (`NgramEnsemble`); 0 of a model without one.
        ngram_weight: float in [0, 1], of the linear model in the average.

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
