"""Logits that are too sure, and their loss."""

import numpy as np
from scipy.special import log_softmax


def loss(logits, labels, temperature):
    return -log_softmax(logits / temperature, axis=1)[np.arange(len(labels)), labels].mean()
