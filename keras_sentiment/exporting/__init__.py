"""Run -> artifacts for other runtimes, each with its parity check."""
