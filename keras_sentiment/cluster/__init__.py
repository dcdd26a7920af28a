"""Artifact and tables -> labelled Parquet files, on Ray."""
