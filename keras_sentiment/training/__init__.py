"""What `model.fit` needs: data, optimizer, callbacks, checkpoints; and the end of a run."""
