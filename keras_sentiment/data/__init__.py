"""Data preparation: labelled texts -> a prepared corpus on disk -> padded batches."""
