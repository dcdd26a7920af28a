"""Helpers for tests: tiny models and corpora, hard texts, a served model, a browser."""
