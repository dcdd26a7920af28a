"""Trained model -> figures, report, model card."""

from keras_sentiment.machine import choose_backend

choose_backend()
