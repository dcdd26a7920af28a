"""Artifact -> HTTP server."""
