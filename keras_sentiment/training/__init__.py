"""What `model.fit` needs: data, optimizer, callbacks, checkpoints; and the end of a run."""

from keras_sentiment.machine import choose_backend

choose_backend()
