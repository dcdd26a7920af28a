"""What `benchmark` times: this project and its peers, in turns."""

from keras_sentiment.machine import choose_backend

choose_backend()
