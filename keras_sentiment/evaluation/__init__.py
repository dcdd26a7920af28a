"""Measures a trained model, and writes its figures, a report and a model card."""

from keras_sentiment.machine import choose_backend

choose_backend()
