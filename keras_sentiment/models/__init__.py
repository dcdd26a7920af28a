"""The two Keras models, their layers, their precision, and the file of their weights."""

from keras_sentiment.machine import choose_backend

choose_backend()
