"""Readers for all sources: folders, archives, tables, objects in memory."""
