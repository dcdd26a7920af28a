"""The HTTP server for an artifact."""
