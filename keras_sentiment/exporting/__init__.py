"""Run -> artifacts for other runtimes, each with its parity check."""

from keras_sentiment.machine import choose_backend

choose_backend()
