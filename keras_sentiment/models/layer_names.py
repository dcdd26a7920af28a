"""Names of layers and parts of models by which other modules find them."""

from __future__ import annotations

# The parts of a BERT below and above its first block that trains: models of their own.
LOWER, UPPER = "lower", "upper"
# Their outputs are what the loss and a user see: they stay float32 under every policy.
FLOAT32_LAYERS = (
    "votes",
    "pooling",
    "head_dropout",
    "pooled",
    "pooled_dense",
    "logits",
    "ngrams",
)
