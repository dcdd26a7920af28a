"""Encoded reviews -> the batches that `model.fit` takes, on one device or several."""
