"""Exports a run to artifacts for other runtimes, and checks each against the Keras model."""

from keras_sentiment.machine import choose_backend

choose_backend()
