"""Labelled texts -> a prepared corpus on disk -> padded rows."""
