"""Names of layers that several modules look up."""

from __future__ import annotations

# The two parts of a BERT classifier, each a `keras.Model`: the frozen layers, and the layers above them.
LOWER, UPPER = "lower", "upper"
# Layers that compute in float32 under every dtype policy, because the loss and the user read their outputs.
FLOAT32_LAYERS = (
    "votes",
    "pooling",
    "head_dropout",
    "pooled",
    "pooled_dense",
    "logits",
    "ngrams",
)
