"""Simulations that show what figures promise; each runs as `python -m tests.studies.NAME`."""
