"""Encoded reviews -> the batches that `model.fit` takes, on one device or several."""

from keras_sentiment.machine import choose_backend

choose_backend()
