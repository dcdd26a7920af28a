"""Timings of this project and of other implementations, for the command `benchmark`."""

from keras_sentiment.machine import choose_backend

choose_backend()
