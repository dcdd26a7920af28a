"""Simulations that take longer than a test. Run one with `python -m tests.studies.NAME`."""
