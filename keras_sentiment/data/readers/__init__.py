"""Readers of every source: folders, archives, tables."""
